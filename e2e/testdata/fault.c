/*
 * fault CLASS N ACTION TRACE AFTER COMMAND...: runs a command, and lets the N-th system call of a class, counted over all
 * its threads and children, fail with the error number ACTION, or kills them all with SIGKILL there when ACTION is
 * "kill", or sends the command SIGTERM there when ACTION is "term". CLASS is "file" for what changes files, "net" for
 * what is sent over connections, or "any". With an AFTER that is not empty the count begins with the first write that
 * holds this text. The calls of the class are written to the file TRACE, a line each, also with N 0, which lets
 * everything pass. The exit status is that of the command, 137 when it was killed.
 *
 * The kernel asks for each such call (seccomp user notification, Linux 5.5), and is told to go on or not to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum class { FILES = 1, NET = 2 };

/* by descriptor: the class is that of the file behind the first argument */
enum kind { PATH, OPEN, DESCRIPTOR, CONNECT };

/* text is which argument is a path, or bytes that are written; -1 is none. */
static const struct { int number; enum kind kind; const char *name; int text; } watched[] = {
#define CALL(name, kind, text) { __NR_##name, kind, #name, text }
	CALL(openat, OPEN, 1),
	CALL(renameat, PATH, 3), CALL(renameat2, PATH, 3), CALL(unlinkat, PATH, 1), CALL(mkdirat, PATH, 1),
	CALL(symlinkat, PATH, 2), CALL(fchmodat, PATH, 1), CALL(fchownat, PATH, 1),
#ifdef __NR_rename
	CALL(rename, PATH, 1), CALL(unlink, PATH, 0), CALL(mkdir, PATH, 0), CALL(rmdir, PATH, 0), CALL(chmod, PATH, 0),
#endif
	CALL(write, DESCRIPTOR, 1), CALL(pwrite64, DESCRIPTOR, 1), CALL(fsync, DESCRIPTOR, -1), CALL(fdatasync, DESCRIPTOR, -1),
	CALL(ftruncate, DESCRIPTOR, -1), CALL(fchmod, DESCRIPTOR, -1), CALL(fchown, DESCRIPTOR, -1),
	CALL(read, DESCRIPTOR, -1),
	CALL(connect, CONNECT, -1),
};
#define WATCHED ((int)(sizeof watched / sizeof *watched))

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

static int install(void)
{
	struct sock_filter code[2 * WATCHED + 2];
	int n = 0;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < WATCHED; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, watched[i].number, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { n, code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("no_new_privs");
	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_fd(int to, int fd)
{
	char space[CMSG_SPACE(sizeof fd)] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(to, &m, 0) < 0)
		fail("sendmsg");
}

static int receive_fd(int from)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
	int fd = -1;
	if (recvmsg(from, &m, 0) > 0 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

/* entry returns where the table has a call. */
static int entry(const struct seccomp_notif *call)
{
	int i = 0;
	while (i < WATCHED - 1 && watched[i].number != call->data.nr)
		i++;
	return i;
}

/* read_text reads the path of a call, or the beginning of what it writes, and returns how many bytes that are. */
static int read_text(const struct seccomp_notif *call, char *text, int size)
{
	int i = entry(call), length = 0;
	if (watched[i].text < 0)
		return 0;
	unsigned long from = call->data.args[watched[i].text];
	int written = call->data.nr == __NR_write || call->data.nr == __NR_pwrite64;
	if (written && call->data.args[2] < (unsigned long)size)
		size = call->data.args[2];
	while (length < size) { /* page by page: the next one may be none of the process */
		int part = 4096 - from % 4096;
		if (part > size - length)
			part = size - length;
		struct iovec to = { text + length, part }, at = { (void *)from, part };
		if (process_vm_readv(call->pid, &to, 1, &at, 1, 0) != part)
			break;
		length += part;
		from += part;
	}
	return written ? length : (int)strnlen(text, length);
}

/* class_of tells what a call is about, 0 when it is neither. */
static int class_of(const struct seccomp_notif *call)
{
	switch (watched[entry(call)].kind) {
	case PATH:
		return FILES;
	case OPEN:
		return call->data.args[2] & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) ? FILES : 0;
	case CONNECT:
		return NET;
	case DESCRIPTOR:
		break;
	}
	char path[64];
	struct stat s;
	snprintf(path, sizeof path, "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
	if (stat(path, &s))
		return 0;
	if (S_ISSOCK(s.st_mode))
		return NET;
	return S_ISREG(s.st_mode) && call->data.nr != __NR_read ? FILES : 0;
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "fault CLASS N ACTION TRACE AFTER COMMAND...\n");
		return 125;
	}
	int class = !strcmp(argv[1], "file") ? FILES : !strcmp(argv[1], "net") ? NET : FILES | NET;
	long n = atol(argv[2]), count = 0;
	int kills = !strcmp(argv[3], "kill"), terms = !strcmp(argv[3], "term"), error = atoi(argv[3]);
	const char *after = argv[5];
	int counts = !*after;
	FILE *trace = fopen(argv[4], "we");
	if (!trace)
		fail(argv[4]);
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		setpgid(0, 0);
		int listener = install();
		if (listener < 0)
			_exit(124);
		send_fd(pair[1], listener);
		close(listener);
		execvp(argv[6], argv + 6);
		_exit(127);
	}
	close(pair[1]);
	int listener = receive_fd(pair[0]);
	if (listener < 0) {
		fprintf(stderr, "this kernel has no seccomp user notification\n");
		return 125;
	}
	struct pollfd waits = { listener, POLLIN, 0 };
	while (poll(&waits, 1, -1) > 0 && waits.revents & POLLIN) {
		struct seccomp_notif call = { 0 };
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
			if (errno == ENOENT || errno == EINTR)
				continue; /* it was interrupted, or killed */
			break;
		}
		struct seccomp_notif_resp answer = { call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		int of = class_of(&call);
		char text[512];
		int length = of ? read_text(&call, text, sizeof text) : 0;
		if (!counts && memmem(text, length, after, strlen(after)))
			counts = 1;
		if (of & class && counts) {
			fprintf(trace, "%s %s ", of == NET ? "net" : "file", watched[entry(&call)].name);
			for (int i = 0; i < length; i++)
				fputc(text[i] >= ' ' && text[i] <= '~' ? text[i] : '.', trace);
			fputc('\n', trace);
		}
		if (of & class && counts && ++count == n) {
			if (kills) {
				kill(-child, SIGKILL);
				continue;
			}
			if (terms) {
				kill(child, SIGTERM);
			} else {
				answer.flags = 0;
				answer.error = -error;
			}
		}
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	if (fclose(trace))
		fail(argv[4]);
	int status;
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
