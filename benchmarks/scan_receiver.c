/* The least that receiving costs: eight scanners' sockets, one epoll, a sleep after each look, line feeds counted.
   scan_receiver TICK_MS PORT...; prints lines, CPU seconds and voluntary switches as JSON when all have hung up. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static double cpu_s(const struct rusage *used) {
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) + 1e-6 * (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

static int dial(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    return connect(sock, (struct sockaddr *)&to, sizeof to) ? -1 : sock;
}

int main(int count, char **words) {
    static char octets[16384];
    struct epoll_event events[64];
    struct timespec tick = {0, atol(words[1]) * 1000000};
    int watch = epoll_create1(0), open = 0;
    for (int i = 2; i < count; i++, open++) {
        struct epoll_event event = {EPOLLIN, {.fd = dial(atoi(words[i]))}};
        if (event.data.fd < 0 || epoll_ctl(watch, EPOLL_CTL_ADD, event.data.fd, &event))
            return 1;
    }
    struct rusage begin, end;
    long lines = 0;
    getrusage(RUSAGE_SELF, &begin);
    while (open) {
        int ready = epoll_wait(watch, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            ssize_t length = recv(events[i].data.fd, octets, sizeof octets, 0);
            if (length <= 0) {
                epoll_ctl(watch, EPOLL_CTL_DEL, events[i].data.fd, NULL);
                open--;
            }
            for (const char *at = octets; length > 0 && (at = memchr(at, '\n', (size_t)(octets + length - at))); at++)
                lines++;
        }
        nanosleep(&tick, NULL);
    }
    getrusage(RUSAGE_SELF, &end);
    printf("{\"lines\": %ld, \"cpu_s\": %f, \"switches\": %ld}\n", lines, cpu_s(&end) - cpu_s(&begin), end.ru_nvcsw - begin.ru_nvcsw);
    return 0;
}
