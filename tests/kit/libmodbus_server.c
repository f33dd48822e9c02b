/* A Modbus device by libmodbus, over TCP on loopback or over RTU on a terminal, with values the tests know.
 *
 * libmodbus_server tcp UNIT              serves one client after the other; prints the port it got
 * libmodbus_server rtu UNIT TERMINAL     19200 8N1; prints 0 when it listens
 * Ends at end of standard input.
 *
 * Holding registers: from 100, 200, 300 and 400 the same values in the orders ABCD, CDAB, BADC and DCBA.
 * Input register n is 7 n + 1, to 255. Coil n is on when 3 divides n, discrete input n when 5 does, to 2047. */
#include <errno.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint16_t *at;

/* One value of `words` registers, its bytes first laid out highest first, then moved as the order says. */
static void put(const char *order, uint64_t bits, int words) {
    uint16_t high_first[4];
    for (int n = 0; n < words; n++)
        high_first[n] = (uint16_t)(bits >> (16 * (words - 1 - n)));
    int low_word_first = !strcmp(order, "CDAB") || !strcmp(order, "DCBA");
    int swapped_bytes = !strcmp(order, "BADC") || !strcmp(order, "DCBA");
    for (int n = 0; n < words; n++) {
        uint16_t word = high_first[low_word_first ? words - 1 - n : n];
        *at++ = swapped_bytes ? (uint16_t)(word << 8 | word >> 8) : word;
    }
}

static uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void fill(modbus_mapping_t *image) {
    static const char *orders[] = {"ABCD", "CDAB", "BADC", "DCBA"};
    for (int n = 0; n < 4; n++) {
        at = image->tab_registers + 100 * (n + 1);
        put(orders[n], 40000, 1);
        put(orders[n], (uint16_t)-12345, 1);
        put(orders[n], 0x9876, 1);
        put(orders[n], 3000000001u, 2);
        put(orders[n], (uint32_t)-2000000001, 2);
        put(orders[n], 0x12345678, 2);
        put(orders[n], bits_of_float(1234.5f), 2);
        put(orders[n], 0xFEDCBA9876543210u, 4);
        put(orders[n], (uint64_t)-1234567890123456789, 4);
        put(orders[n], bits_of_double(-9876.54321), 4);
    }
    for (int n = 0; n < 256; n++)
        image->tab_input_registers[n] = (uint16_t)(7 * n + 1);
    for (int n = 0; n < 2048; n++) {
        image->tab_bits[n] = n % 3 == 0;
        image->tab_input_bits[n] = n % 5 == 0;
    }
}

static int port_of(int listener) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    return ntohs(address.sin_port);
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    int over_tcp = !strcmp(argv[1], "tcp"), listener = -1, wire = -1;
    modbus_t *server = over_tcp ? modbus_new_tcp("127.0.0.1", 0) : modbus_new_rtu(argv[3], 19200, 'N', 8, 1);
    modbus_mapping_t *image = modbus_mapping_new(2048, 2048, 500, 256);
    fill(image);
    modbus_set_slave(server, atoi(argv[2]));
    if (over_tcp ? (listener = modbus_tcp_listen(server, 1)) < 0 : modbus_connect(server) < 0) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 1;
    }
    if (!over_tcp)
        wire = modbus_get_socket(server);
    printf("%d\n", over_tcp ? port_of(listener) : 0);
    fflush(stdout);
    for (;;) {
        struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {wire < 0 ? listener : wire, POLLIN, 0}};
        poll(watched, 2, -1);
        if (watched[0].revents)
            return 0;
        if (wire < 0) {
            wire = modbus_tcp_accept(server, &listener);
            continue;
        }
        uint8_t request[MODBUS_MAX_ADU_LENGTH];
        int length = modbus_receive(server, request);
        if (length > 0)
            modbus_reply(server, request, length, image);
        else if (length < 0 && over_tcp) {
            modbus_close(server);
            wire = -1;
        }
    }
}
