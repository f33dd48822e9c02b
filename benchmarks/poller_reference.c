/* The minimal poller in C that the agent is measured against: libmodbus, blocking, one device after the other,
 * libmosquitto, one QoS 1 message a read.
 *
 * poller_reference MODBUS_PORT DEVICES COUNTERS PERIOD_MS SECONDS BROKER_PORT
 *
 * Device n listens on MODBUS_PORT + n, loopback. Prints one line: reads messages cpu_seconds. */
#include <errno.h>
#include <modbus/modbus.h>
#include <mosquitto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define MOST_DEVICES 256
#define MOST_COUNTERS 60

static double now_s(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void sleep_until(double due_s) {
    struct timespec at = {(time_t)due_s, (long)((due_s - (time_t)due_s) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static int format_message(char *text, size_t room, int device, const uint64_t *totals, int counters) {
    int length = snprintf(text, room, "{\"d\":%d,\"t\":%ld,\"v\":[", device, (long)time(NULL));
    for (int n = 0; n < counters; n++)
        length += snprintf(text + length, room - length, n ? ",%llu" : "%llu", (unsigned long long)totals[n]);
    return length + snprintf(text + length, room - length, "]}");
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    int port = atoi(argv[1]), devices = atoi(argv[2]), counters = atoi(argv[3]);
    double period_s = atoi(argv[4]) / 1e3, length_s = atof(argv[5]);
    static modbus_t *bus[MOST_DEVICES];
    static uint32_t last[MOST_DEVICES][MOST_COUNTERS];
    static uint64_t total[MOST_DEVICES][MOST_COUNTERS];
    static char seen[MOST_DEVICES];
    long reads = 0, messages = 0;
    if (devices > MOST_DEVICES || counters > MOST_COUNTERS)
        return 2;
    for (int d = 0; d < devices; d++) {
        bus[d] = modbus_new_tcp("127.0.0.1", port + d);
        modbus_set_slave(bus[d], 1);
        if (modbus_connect(bus[d]) != 0)
            return 1;
    }
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("poller-reference", true, NULL);
    if (mosquitto_connect(client, "127.0.0.1", atoi(argv[6]), 60) != MOSQ_ERR_SUCCESS)
        return 1;
    mosquitto_loop_start(client);
    double start_s = now_s(), cpu_before_s = cpu_s();
    long turns = (long)(length_s / period_s);
    for (long turn = 0; turn < turns; turn++) {
        for (int d = 0; d < devices; d++) {
            /* spread over the period, as a poller does that goes round */
            sleep_until(start_s + turn * period_s + d * period_s / devices);
            uint16_t word[2 * MOST_COUNTERS];
            if (modbus_read_registers(bus[d], 0, 2 * counters, word) != 2 * counters)
                continue;
            reads++;
            for (int n = 0; n < counters; n++) {
                uint32_t value = (uint32_t)word[2 * n] << 16 | word[2 * n + 1];
                if (seen[d])
                    total[d][n] += value - last[d][n];
                last[d][n] = value;
            }
            seen[d] = 1;
            char topic[64], text[64 + 21 * MOST_COUNTERS];
            snprintf(topic, sizeof topic, "reference/device/%d", d);
            int length = format_message(text, sizeof text, d, total[d], counters);
            messages += mosquitto_publish(client, NULL, topic, length, text, 1, false) == MOSQ_ERR_SUCCESS;
        }
    }
    printf("%ld %ld %.6f\n", reads, messages, cpu_s() - cpu_before_s);
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    return 0;
}
