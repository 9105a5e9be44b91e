// One of many containers that ask each other (scale.sh), linked statically: mesh NUMBER. Answers questions ("q") at UDP port 7000 as long
// as it lives. When it is told to ("go next", "go ring", "go all") it asks others of the list /run/mesh/peers, a line "ADDRESS NAME" for
// each number, and says how that went: "done NUMBER own-name next-name answered asked".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { port = 7000, most = 4096, window = 8, patience = 380 };

struct question { char kind; uint16_t number; } __attribute__((packed));

static struct in_addr peers[most];
static char names[most][64], state[most];  // 0: not asked, 1: asked, 2: answered
static int count, self, served;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

// The IPv4 address that the container's resolver has for a name (RFC 1035, section 4); 0: none. Asked again after two seconds, as resolver
// libraries do: of a thousand questions in one moment some find the socket's buffer full.
static in_addr_t look_up(const char *name, int tries) {
    char line[256], server[64] = "";
    FILE *file = fopen("/etc/resolv.conf", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "nameserver %63s", server) != 1) continue;
    if (file) fclose(file);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    if (inet_pton(AF_INET, server, &to.sin_addr) != 1) return 0;
    unsigned char message[512] = {0x12, 0x34, 1, 0, 0, 1}, *at = message + 12;
    for (const char *label = name; *label;) {
        size_t size = strcspn(label, ".");
        *at++ = (unsigned char)size;
        memcpy(at, label, size);
        at += size;
        label += size + (label[size] == '.');
    }
    memcpy(at, "\0\0\1\0\1", 5);
    at += 5;
    in_addr_t found = 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct pollfd ready = {fd, POLLIN, 0};
    const size_t size = (size_t)(at - message);
    unsigned char reply[512];
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) tries = 0;
    for (; tries > 0 && found == 0; --tries)
        if (send(fd, message, size, 0) > 0 && poll(&ready, 1, 2000) > 0 &&
            recv(fd, reply, sizeof reply, 0) >= (ssize_t)size + 16 && reply[7])
            memcpy(&found, reply + size + 12, 4);  // the first answer: a pointer to the name, type, class, time, length, address
    close(fd);
    return found;
}

static void read_peers(void) {
    char address[64];
    FILE *file = fopen("/run/mesh/peers", "r");
    for (count = 0; file && count < most && fscanf(file, "%63s %63s", address, names[count]) == 2; ++count)
        inet_pton(AF_INET, address, &peers[count]);
    if (file) fclose(file);
}

static void ask(int fd, int number) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = peers[number]};
    struct question question = {'q', (uint16_t)number};
    sendto(fd, &question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
    state[number] = 1;
}

// Waits for one datagram and does what it asks for. Returns "go" messages in text, with their sender.
static int take(int fd, int milliseconds, char *text, size_t size, struct sockaddr_in *from) {
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, milliseconds) <= 0) return 0;
    socklen_t length = sizeof *from;
    ssize_t got = recvfrom(fd, text, size - 1, MSG_DONTWAIT, (struct sockaddr *)from, &length);
    if (got <= 0) return 0;
    struct question *message = (struct question *)text;
    if (got == sizeof *message && message->kind == 'q') {
        message->kind = 'a';
        sendto(fd, message, sizeof *message, MSG_DONTWAIT, (struct sockaddr *)from, sizeof *from);
        ++served;
    } else if (got == sizeof *message && message->kind == 'a' && message->number < count &&
               peers[message->number].s_addr == from->sin_addr.s_addr) {
        state[message->number] = 2;
    }
    text[got] = 0;
    return got > (ssize_t)sizeof *message && !strncmp(text, "go ", 3);
}

int main(int argc, char **argv) {
    self = argc > 1 ? atoi(argv[1]) : 0;
    char own[64], text[1500], report[128] = "";
    snprintf(own, sizeof own, "m%d.crowd.ctr", self);
    const int own_known = look_up(own, 1) != 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), large = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
    if (bind(fd, (struct sockaddr *)&here, sizeof here) != 0) return 1;
    char last[16] = "";
    for (;;) {
        if (!take(fd, -1, text, sizeof text, &from)) continue;
        struct sockaddr_in caller = from;
        if (strncmp(text, last, sizeof last - 1)) {  // else asked again: the report was lost
            snprintf(last, sizeof last, "%.15s", text);
            read_peers();
            memset(state, 0, sizeof state);
            const int all = !strcmp(text, "go all"), one = !strcmp(text, "go next"), next = count ? (self + 1) % count : 0;
            const int next_known = count && look_up(names[next], 3) == peers[next].s_addr;
            // From each number to those 1, 2, 4, ... further: every two are joined by at most eleven such steps.
            int asked = 0, answered = 0, at = 1, list[most];
            for (int step = 1; step < (one ? 2 : count); step = all ? step + 1 : step * 2) list[asked++] = (self + step) % count;
            double end = now() + patience, again = now() + 1;
            for (at = 0; answered < asked && now() < end;) {
                int open = 0;
                answered = 0;
                for (int i = 0; i < at; ++i) open += state[list[i]] == 1, answered += state[list[i]] == 2;
                for (; at < asked && open < window; ++open) ask(fd, list[at++]);
                take(fd, 100, text, sizeof text, &from);
                if (now() < again) continue;
                again = now() + 1;
                for (int i = 0; i < at; ++i)
                    if (state[list[i]] == 1) ask(fd, list[i]);
            }
            snprintf(report, sizeof report, "done %d %d %d %d %d", self, own_known, next_known, answered, asked);
        }
        sendto(fd, report, strlen(report), 0, (struct sockaddr *)&caller, sizeof caller);
    }
}
