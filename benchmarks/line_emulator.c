/* A serial line with Modbus RTU slaves or lock boards on it, behind a pseudo-terminal, at the speed of the wire.
 *
 *   line_emulator [-b] BAUD BITS_A_CHARACTER GAP_US LUMP_US UNIT...
 *
 * Prints the port's name, then serves FC 3 and 4 of the units given until its standard input ends; units not given
 * are silent. With -b the units are boards of the 8A/80 family with 24 channels, whose doors open and close one after
 * the other. Every byte takes its character time in both directions, one after the other as on a wire: a request is
 * heard when its last character would have arrived, the reply begins GAP_US (the silence that ends a frame) later,
 * and each byte of it is handed over when its last bit is in, or every LUMP_US what there is, as USB adapters do.
 * At the end one line of JSON: requests answered, requests to nobody, requests that broke the silence before them,
 * the shortest silence seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MODBUS_REQUEST = 8, BOARD_REQUEST = 5, BOARD_REPLY = 7, MOST = 256 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec t = {ns / 1000000000LL, ns % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static uint16_t crc16(const uint8_t *octets, size_t length) {
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < length; i++) {
        crc ^= octets[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xA001 : crc >> 1;
    }
    return crc;
}

static int open_line(void) {
    int line = posix_openpt(O_RDWR | O_NOCTTY);
    if (line < 0 || grantpt(line) || unlockpt(line)) { perror("pty"); exit(1); }
    int port = open(ptsname(line), O_RDWR | O_NOCTTY); /* kept open, so that the line never hangs up */
    struct termios raw;
    tcgetattr(port, &raw);
    cfmakeraw(&raw);
    tcsetattr(port, TCSANOW, &raw);
    printf("%s\n", ptsname(line));
    fflush(stdout);
    return line;
}

/* The reply to a read of registers: each register holds its address. */
static size_t answer(const uint8_t *request, uint8_t *reply) {
    int first = request[2] << 8 | request[3], quantity = request[4] << 8 | request[5];
    reply[0] = request[0];
    reply[1] = request[1];
    reply[2] = (uint8_t)(2 * quantity);
    for (int i = 0; i < quantity; i++) {
        reply[3 + 2 * i] = (uint8_t)((first + i) >> 8);
        reply[4 + 2 * i] = (uint8_t)(first + i);
    }
    size_t length = 3 + 2 * (size_t)quantity;
    uint16_t crc = crc16(reply, length);
    reply[length] = (uint8_t)crc;
    reply[length + 1] = (uint8_t)(crc >> 8);
    return length + 2;
}

static int is_read(const uint8_t *request) {
    int quantity = request[4] << 8 | request[5];
    return (request[1] == 3 || request[1] == 4) && quantity >= 1 && quantity <= 125 && crc16(request, MODBUS_REQUEST) == 0;
}

static uint8_t xor8(const uint8_t *octets, size_t length) {
    uint8_t all = 0;
    for (size_t i = 0; i < length; i++) all ^= octets[i];
    return all;
}

static int is_board_query(const uint8_t *request) {
    return request[0] == 0x80 && request[2] == 0 && request[3] == 0x33 && xor8(request, BOARD_REQUEST) == 0;
}

/* The status of a board: all doors are closed but one, which is another every eighth reply. */
static size_t answer_board(const uint8_t *request, uint8_t *reply) {
    static uint32_t asked[256];
    uint32_t closed = 0xFFFFFF & ~(1u << asked[request[1]]++ / 8 % 24);
    uint8_t status[] = {0x80, request[1], (uint8_t)(closed >> 16), (uint8_t)(closed >> 8), (uint8_t)closed, 0x33, 0};
    status[6] = xor8(status, 6);
    memcpy(reply, status, BOARD_REPLY);
    return BOARD_REPLY;
}

/* Hand over each byte at the end of its character or of a lump; gives the moment when the last was on the wire. */
static int64_t deliver(int line, const uint8_t *reply, size_t length, int64_t start_ns, int64_t char_ns,
                       int64_t lump_ns) {
    for (size_t sent = 0; sent < length;) {
        int64_t next_ns = start_ns + (int64_t)(sent + 1) * char_ns, lump_end_ns = now_ns() + lump_ns;
        sleep_until(lump_end_ns > next_ns ? lump_end_ns : next_ns);
        size_t due = (size_t)((now_ns() - start_ns) / char_ns);
        if (due > length) due = length;
        ssize_t written = due > sent ? write(line, reply + sent, due - sent) : 0;
        if (written > 0) sent += (size_t)written;
    }
    return start_ns + (int64_t)length * char_ns;
}

int main(int argc, char **argv) {
    int boards = argc > 1 && strcmp(argv[1], "-b") == 0;
    size_t whole = boards ? BOARD_REQUEST : MODBUS_REQUEST;
    argc -= boards;
    argv += boards;
    if (argc < 5) { fprintf(stderr, "usage: line_emulator [-b] BAUD BITS GAP_US LUMP_US UNIT...\n"); return 2; }
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    int64_t char_ns = (int64_t)(1e9 * atoi(argv[2]) / atoi(argv[1]));
    int64_t gap_ns = (int64_t)(1e3 * atof(argv[3])), lump_ns = (int64_t)(1e3 * atof(argv[4]));
    int there[256] = {0};
    for (int i = 5; i < argc; i++) there[atoi(argv[i]) & 255] = 1;

    long answered = 0, unanswered = 0, early = 0;
    int64_t quiet_since = 0, shortest_ns = INT64_MAX;
    uint8_t request[MOST], reply[MOST + 8];
    size_t have = 0;
    int line = open_line();
    struct pollfd watched[2] = {{line, POLLIN, 0}, {0, POLLIN, 0}};
    while (poll(watched, 2, -1) > 0) {
        if (watched[1].revents) break;
        int64_t heard_ns = now_ns();
        ssize_t got = read(line, request + have, MOST - have);
        if (got <= 0) continue;
        if (have == 0 && quiet_since) {
            int64_t silence_ns = heard_ns - quiet_since;
            if (silence_ns < shortest_ns) shortest_ns = silence_ns;
            early += silence_ns < gap_ns;
        }
        have += (size_t)got;
        if (have < whole) continue;
        int64_t heard_out_ns = heard_ns + (int64_t)whole * char_ns;
        have = 0;
        quiet_since = heard_out_ns;
        if (!(boards ? is_board_query(request) : is_read(request)) || !there[request[boards]]) { unanswered++; continue; }
        size_t length = boards ? answer_board(request, reply) : answer(request, reply);
        quiet_since = deliver(line, reply, length, heard_out_ns + gap_ns, char_ns, lump_ns);
        answered++;
    }
    printf("{\"answered\": %ld, \"unanswered\": %ld, \"early\": %ld, \"shortest_gap_us\": %.0f}\n", answered, unanswered,
           early, shortest_ns == INT64_MAX ? 0.0 : (double)shortest_ns / 1e3);
    return 0;
}
