/*
 * fault CLASS N ACTION COUNT COMMAND...: runs a command, and lets the N-th system call of a class, counted over all its
 * threads and children, fail with the error number ACTION, or kills them all with SIGKILL there when ACTION is "kill".
 * CLASS is "file" for what changes files, "net" for what is sent over connections, or "any". How many calls of the
 * class there were is written to the file COUNT, also with N 0, which lets everything pass. The exit status is that of
 * the command, 137 when it was killed.
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
#include <sys/wait.h>
#include <unistd.h>

enum class { FILES = 1, NET = 2 };

/* by descriptor: the class is that of the file behind the first argument */
enum kind { PATH, OPEN, DESCRIPTOR, CONNECT };

static const struct { int number; enum kind kind; } watched[] = {
	{ __NR_openat, OPEN },
	{ __NR_renameat, PATH }, { __NR_renameat2, PATH }, { __NR_unlinkat, PATH }, { __NR_mkdirat, PATH },
	{ __NR_symlinkat, PATH }, { __NR_fchmodat, PATH }, { __NR_fchownat, PATH },
#ifdef __NR_rename
	{ __NR_rename, PATH }, { __NR_unlink, PATH }, { __NR_mkdir, PATH }, { __NR_rmdir, PATH }, { __NR_chmod, PATH },
#endif
	{ __NR_write, DESCRIPTOR }, { __NR_pwrite64, DESCRIPTOR }, { __NR_fsync, DESCRIPTOR }, { __NR_fdatasync, DESCRIPTOR },
	{ __NR_ftruncate, DESCRIPTOR }, { __NR_fchmod, DESCRIPTOR }, { __NR_fchown, DESCRIPTOR },
	{ __NR_read, DESCRIPTOR },
	{ __NR_connect, CONNECT },
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

/* class_of tells what a call is about, 0 when it is neither. */
static int class_of(const struct seccomp_notif *call)
{
	enum kind kind = PATH;
	for (int i = 0; i < WATCHED; i++)
		if (watched[i].number == call->data.nr)
			kind = watched[i].kind;
	switch (kind) {
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
	if (argc < 6) {
		fprintf(stderr, "fault CLASS N ACTION COUNT COMMAND...\n");
		return 125;
	}
	int class = !strcmp(argv[1], "file") ? FILES : !strcmp(argv[1], "net") ? NET : FILES | NET;
	long n = atol(argv[2]), count = 0;
	int kills = !strcmp(argv[3], "kill"), error = atoi(argv[3]);
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
		execvp(argv[5], argv + 5);
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
		if (class_of(&call) & class && ++count == n) {
			if (kills) {
				kill(-child, SIGKILL);
				continue;
			}
			answer.flags = 0;
			answer.error = -error;
		}
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	FILE *out = fopen(argv[4], "w");
	if (!out || fprintf(out, "%ld\n", count) < 0 || fclose(out))
		fail(argv[4]);
	int status;
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
