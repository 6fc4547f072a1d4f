/* The program that the benchmark of supervisors runs: it says that it has begun,
 * listens on a socket, says that it listens, and waits for a signal.
 *
 *   payload SOCKET NAME
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int say(int s, struct sockaddr_un *to, char what, const char *name) {
	char text[128];
	int n = snprintf(text, sizeof text, "%c %s %d", what, name, (int)getpid());
	return sendto(s, text, n, 0, (struct sockaddr *)to, sizeof *to) == n;
}

int main(int argc, char **argv) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct sockaddr_in any = {.sin_family = AF_INET};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (argc != 3 || s < 0 || strlen(argv[1]) >= sizeof to.sun_path)
		return 64;
	strcpy(to.sun_path, argv[1]);
	if (!say(s, &to, 'B', argv[2]))
		return 1;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (l < 0 || bind(l, (struct sockaddr *)&any, sizeof any) || listen(l, 8))
		return 1;
	if (!say(s, &to, 'L', argv[2]))
		return 1;
	for (;;)
		pause();
}
