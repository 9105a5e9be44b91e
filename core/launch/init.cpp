// gantry-init FILE ARGV0 [ARG]...: PID 1 of a container with `init = true`. Runs FILE, passes every signal on to it, reaps
// orphans and ends with its exit status. Statically linked, without allocation: it runs in the container's root, where there
// may be no library, and stays as long as the container.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

pid_t start(char** argv, const sigset_t& before) {
    const pid_t child = fork();
    if (child != 0) return child;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    // A job of its own in front of the terminal, so that Ctrl-C reaches it and not us; without one this fails, and may.
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, getpid());
    signal(SIGTTOU, SIG_DFL);
    execv(argv[1], argv + 2);
    const int reason = errno;
    const char* text = strerrordesc_np(reason);
    const char* parts[] = {"gantry-init: execute '", argv[1], "': ", text ? text : "?", "\n"};
    for (const char* part : parts)
        if (write(STDERR_FILENO, part, strlen(part)) < 0) break;
    _exit(reason == ENOENT ? 127 : 126);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 125;
    sigset_t all, before;
    sigfillset(&all);
    for (int own : {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGTTIN, SIGTTOU}) sigdelset(&all, own);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t child = start(argv, before);
    if (child < 0) return 125;
    // The descriptors of a socket-activated service are the payload's alone.
    close_range(3, ~0U, 0);
    for (;;) {
        siginfo_t signal{};
        if (sigwaitinfo(&all, &signal) < 0) continue;
        if (signal.si_signo != SIGCHLD) {
            kill(child, signal.si_signo);
            continue;
        }
        int status = 0;
        for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended != child) continue;
            if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
            if (WIFEXITED(status)) return WEXITSTATUS(status);
        }
    }
}
