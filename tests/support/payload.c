// What test containers run, linked statically so that an image needs nothing else: payload VERB [ARG]... [-- VERB ...]
// Verbs run in order; "sleep" without an argument ends the line for good.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(99);
}

static void notify(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path) {
        fprintf(stderr, "payload: no NOTIFY_SOCKET\n");
        exit(98);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) exit(97);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        die("sendto NOTIFY_SOCKET");
    close(fd);
}

// Every open descriptor but the standard three and the one that reads the folder, one a line.
static void list_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) die("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd <= 2 || fd == dirfd(dir)) continue;
        char path[64], target[4096];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = 0;
        printf("%d %s\n", fd, target);
    }
    closedir(dir);
    fflush(stdout);
}

// To the first who connects to the first socket that systemd passed (sd_listen_fds(3)).
static void answer(const char *text) {
    const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    if (!count || !pid || atoi(count) < 1 || atoi(pid) != getpid()) {
        fprintf(stderr, "payload: no sockets were passed\n");
        exit(94);
    }
    int fd = accept(3, NULL, NULL);
    if (fd < 0) die("accept");
    if (write(fd, text, strlen(text)) < 0) die("write");
    close(fd);
}

static void eat(long megabytes) {
    for (long i = 0; i < megabytes; ++i) {
        char *block = malloc(1 << 20);
        if (!block) die("malloc");
        for (int k = 0; k < 1 << 20; k += 4096) block[k] = (char)(i + k);
    }
    printf("ate %ld MiB\n", megabytes);
    fflush(stdout);
}

static void nap(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {}
}

// PID 1 gets no signal that it has no handler for (pid_namespaces(7)): without this one every stop would take its whole timeout.
static void end_quietly(int signal) {
    (void)signal;
    _exit(0);
}

static void on_term(int signal) {
    (void)signal;
    if (write(1, "got SIGTERM\n", 12) < 0) _exit(96);
    _exit(0);
}

int main(int argc, char **argv) {
    signal(SIGTERM, end_quietly);
    for (int i = 1; i < argc; ++i) {
        const char *verb = argv[i], *arg = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(verb, "--")) continue;
        if (!strcmp(verb, "ready")) notify("READY=1");
        else if (!strcmp(verb, "watchdog")) notify("WATCHDOG=1");
        else if (!strcmp(verb, "notify") && arg) notify(arg), ++i;
        else if (!strcmp(verb, "out") && arg) printf("%s\n", arg), fflush(stdout), ++i;
        else if (!strcmp(verb, "err") && arg) fprintf(stderr, "%s\n", arg), ++i;
        else if (!strcmp(verb, "exit") && arg) exit(atoi(arg));
        else if (!strcmp(verb, "signal") && arg) signal(atoi(arg), SIG_DFL), kill(getpid(), atoi(arg)), nap(1), ++i;
        else if (!strcmp(verb, "ignore-term")) signal(SIGTERM, SIG_IGN);
        else if (!strcmp(verb, "catch-term")) signal(SIGTERM, on_term);
        else if (!strcmp(verb, "eat") && arg) eat(atol(arg)), ++i;
        else if (!strcmp(verb, "fds")) list_descriptors();
        else if (!strcmp(verb, "answer") && arg) answer(arg), ++i;
        else if (!strcmp(verb, "fork")) {
            if (fork() == 0) { nap(1e6); exit(0); }
        } else if (!strcmp(verb, "abandon")) {  // a grandchild that PID 1 has to reap
            pid_t child = fork();
            if (child == 0) {
                if (fork() == 0) nap(0.2);
                _exit(0);
            }
            waitpid(child, NULL, 0);
        } else if (!strcmp(verb, "sleep") && arg && strcmp(arg, "--")) nap(atof(arg)), ++i;
        else if (!strcmp(verb, "sleep")) for (;;) pause();
        else if (!strcmp(verb, "true")) return 0;
        else {
            fprintf(stderr, "payload: verb '%s'\n", verb);
            return 95;
        }
    }
    return 0;
}
