/* The program that the benchmark of supervisors runs: it says that it has begun,
 * listens on a socket, says that it listens, and waits for a signal.
 *
 *   payload SOCKET NAME
 *
 * With more names it is the least that a supervisor could do: it starts itself
 * once for each, in a session of its own, and ends them when it is told to end.
 *
 *   payload SOCKET NAME NAME ...
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int say(int s, struct sockaddr_un *to, char what, const char *name) {
	char text[128];
	int n = snprintf(text, sizeof text, "%c %s %d", what, name, (int)getpid());
	return sendto(s, text, n, 0, (struct sockaddr *)to, sizeof *to) == n;
}

static int loop(char **argv) {
	static pid_t pids[1024];
	int started = 0, sig;
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (char **name = argv + 2; *name && started < 1024; name++) {
		char *args[] = {argv[0], argv[1], *name, NULL};
		pid_t pid = vfork();
		if (pid < 0)
			return 1;
		if (pid == 0) {
			setsid();
			sigprocmask(SIG_UNBLOCK, &term, NULL);
			execv(argv[0], args);
			_exit(127);
		}
		pids[started++] = pid;
	}
	sigwait(&term, &sig);
	for (int i = 0; i < started; i++)
		kill(pids[i], SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv) {
	if (argc > 3)
		return loop(argv);
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
