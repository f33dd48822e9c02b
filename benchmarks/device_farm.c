/* Many Modbus TCP devices in one process, served by libmodbus: device n listens on FIRST_PORT + n, loopback, and its u32
 * counters (high word first, from holding register 0) run at a few counts a second each.
 *
 * device_farm FIRST_PORT DEVICES COUNTERS
 *
 * A byte on standard input is answered with the number of requests served so far; it ends with the input. */
#include <errno.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST_DEVICES 256
#define MOST_SOCKETS 1024

static struct pollfd watched[MOST_SOCKETS];
static int device_of[MOST_SOCKETS];
static int sockets;

static double now_s(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void watch(int fd, int device) {
    watched[sockets] = (struct pollfd){.fd = fd, .events = POLLIN};
    device_of[sockets++] = device;
}

static void forget(int n) {
    close(watched[n].fd);
    watched[n] = watched[--sockets];
    device_of[n] = device_of[sockets];
}

static void count(modbus_mapping_t *image, int device, int counters, double elapsed_s) {
    for (int n = 0; n < counters; n++) {
        uint32_t value = 1000 * device + (uint32_t)(elapsed_s * (1 + n % 5));
        image->tab_registers[2 * n] = value >> 16;
        image->tab_registers[2 * n + 1] = value & 0xFFFF;
    }
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    int first_port = atoi(argv[1]), devices = atoi(argv[2]), counters = atoi(argv[3]);
    modbus_t *server[MOST_DEVICES];
    modbus_mapping_t *image = modbus_mapping_new(0, 0, 2 * counters, 0);
    double start_s = now_s();
    long served = 0;
    if (devices > MOST_DEVICES)
        return 2;
    watch(STDIN_FILENO, -1);
    for (int d = 0; d < devices; d++) {
        server[d] = modbus_new_tcp("127.0.0.1", first_port + d);
        int listener = modbus_tcp_listen(server[d], 4);
        if (listener < 0) {
            fprintf(stderr, "device %d: %s\n", d, modbus_strerror(errno));
            return 1;
        }
        watch(listener, d);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        poll(watched, sockets, -1);
        if (watched[0].revents) {
            char word;
            if (read(STDIN_FILENO, &word, 1) != 1)
                return 0;
            printf("%ld\n", served);
            fflush(stdout);
        }
        for (int n = sockets - 1; n > 0; n--) {
            if (!watched[n].revents)
                continue;
            int d = device_of[n];
            if (n <= devices) {
                int listener = watched[n].fd, connection = modbus_tcp_accept(server[d], &listener);
                if (connection >= 0)
                    watch(connection, d);
                continue;
            }
            uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(server[d], watched[n].fd);
            int length = modbus_receive(server[d], request);
            if (length < 0) {
                forget(n);
                continue;
            }
            count(image, d, counters, now_s() - start_s);
            modbus_reply(server[d], request, length, image);
            served++;
        }
    }
}
