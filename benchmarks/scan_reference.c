/* The scan counter in plain C, for one framing written into the code: STX LL,CODE[,chute[,confidence]] CR LF.
   The same work and the same structures as the product's: checked, classified, hashed with a key, told new from duplicate
   and recirculated, counted by lane, chute, carrier and second with peaks, in banks that change hands; with the same key
   the same counts. gcc -O3 -msse4.1. */
#include <smmintrin.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
enum { LANES = 100, STAGED = 64, LINE_MOST = 512, AHEAD = 80, SWEEP_BITS = 14, LEAP = 8192 };
enum { NEW, DUPLICATE, RECIRCULATED, NO_READ, OVERLONG, FRAMING, EMPTY, BYTE, FIELDS, LANE, CODE, CHUTE, CONFIDENCE, COLUMNS = 16 };
enum { OTHER, NUMERIC, SF, YTO, JT, JD, STO, DEPPON, EMS, CLASSES };

typedef struct { uint32_t low[8]; uint16_t high[8], tick[8]; } bucket;
typedef struct { uint64_t prefix, mask, letters; unsigned least, span, carrier, others, other; } rule; /* rule 0, at the end of all: digits only */
typedef struct { uint32_t *cells, peaks[LANES + 1]; uint64_t rows[LANES][COLUMNS]; int64_t first, last; } bank;
typedef struct { uint64_t hash; uint32_t cell, lane; } staged;
typedef struct {
    bucket *buckets;
    uint64_t count, mask, key[4], tick, cursor, credit, forgotten, clock, second;
    unsigned lanes, chutes, staged, held;
    uint32_t window, loop_least, loop_span, horizon;
    int endless, active;
    atomic_int ready, spare;
    bank banks[3], *bank;
    uint64_t before[LANES + 1];
    staged stage[STAGED];
    uint8_t first[1024], begun[LINE_MOST + AHEAD];
    rule rules[16];
} scans;

typedef struct { uint64_t end, comma, digit, word; } masks;

INLINE uint64_t read64(const uint8_t *at) { uint64_t x; memcpy(&x, at, 8); return x; }
INLINE uint64_t ones(unsigned n) { return (1ULL << n) - 1; }
INLINE unsigned ctz(uint64_t x) { return (unsigned)__builtin_ctzll(x); }
INLINE uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

INLINE uint64_t bits(__m128i a, __m128i b) {
    return (uint32_t)_mm_movemask_epi8(a) | (uint64_t)(uint32_t)_mm_movemask_epi8(b) << 16;
}
INLINE __m128i run(__m128i x, int first, int count) {
    return _mm_cmpgt_epi8(_mm_set1_epi8((char)(-128 + count)), _mm_add_epi8(x, _mm_set1_epi8((char)(-128 - first))));
}
INLINE masks classify(const uint8_t *at) {
    __m128i a = _mm_loadu_si128((const __m128i *)at), b = _mm_loadu_si128((const __m128i *)(at + 16));
    __m128i lf = _mm_set1_epi8('\n'), comma = _mm_set1_epi8(','), da = run(a, '0', 10), db = run(b, '0', 10);
    return (masks){bits(_mm_cmpeq_epi8(a, lf), _mm_cmpeq_epi8(b, lf)), bits(_mm_cmpeq_epi8(a, comma), _mm_cmpeq_epi8(b, comma)),
                   bits(da, db), bits(_mm_or_si128(da, run(a, 'A', 26)), _mm_or_si128(db, run(b, 'A', 26)))};
}

INLINE unsigned number(const uint8_t *at, unsigned digits) {
    uint64_t v = (uint32_t)(read64(at) << (32 - 8 * digits)) & 0x0F0F0F0F;
    return (uint32_t)((v * 2561 >> 8 & 0x00FF00FF) * 0x00640001) >> 16;
}

INLINE int s10_checks(const uint8_t *c) {
    uint32_t sum = 8 * (c[2] & 15) + 6 * (c[3] & 15) + 4 * (c[4] & 15) + 2 * (c[5] & 15) + 3 * (c[6] & 15) + 5 * (c[7] & 15)
                 + 9 * (c[8] & 15) + 7 * (c[9] & 15), check = 11 - sum % 11;
    return (check == 11 ? 5u : check == 10 ? 0u : check) == (c[10] & 15u);
}

INLINE unsigned fits_rule(const rule *r, uint64_t head, uint64_t letters, unsigned length) {
    return ((head & r->mask) == r->prefix) & (letters == r->letters) & (length - r->least <= r->span);
}

INLINE unsigned carrier_of(const scans *s, const uint8_t *code, unsigned length, uint64_t digits) {
    uint64_t head = read64(code), letters = ~digits & ones(length);
    const rule *r = &s->rules[s->first[(head & 31) | (head >> 3 & 31 << 5)]];
    unsigned fits = fits_rule(r, head, letters, length);
    if (r->others & (fits ^ 1))
        while (r->others && !fits) {
            r = &s->rules[r->other];
            fits = fits_rule(r, head, letters, length);
        }
    if (letters == 0x1803 && length == 13)
        return EMS * s10_checks(code);
    return fits * r->carrier;
}

/* --- time and banks --- */

NOINLINE void sweep(scans *s, uint64_t count, uint64_t elapsed) {
    uint16_t now = (uint16_t)s->tick, past = (uint16_t)(s->tick + elapsed - s->horizon - 1);
    uint16_t least = elapsed > s->horizon ? 0 : (uint16_t)(s->horizon + 1 - elapsed);
    for (; count; count--, s->cursor = (s->cursor + 1) & (s->count - 1)) {
        bucket *b = s->buckets + s->cursor;
        for (int i = 0; i < 8; i++)
            b->tick[i] = (uint16_t)(now - b->tick[i]) >= least ? past : b->tick[i];
    }
}

NOINLINE void close_second(scans *s, uint64_t opening) {
    uint64_t passes, together = 0;
    for (unsigned i = 0; i <= s->lanes; i++) {
        passes = i == s->lanes ? together : s->bank->rows[i][NEW] + s->bank->rows[i][RECIRCULATED];
        together += passes;
        if (passes - s->before[i] > s->bank->peaks[i])
            s->bank->peaks[i] = (uint32_t)(passes - s->before[i]);
        s->before[i] = passes;
    }
    s->bank->last = (int64_t)s->second;
    s->second = opening;
    if (atomic_load_explicit(&s->ready, memory_order_acquire) >= 0)
        return;
    int spare = atomic_exchange(&s->spare, -1);
    if (spare < 0)
        return;
    atomic_store_explicit(&s->ready, s->active, memory_order_release);
    s->active = spare;
    s->bank = &s->banks[spare];
    s->bank->first = (int64_t)opening;
    memset(s->before, 0, sizeof s->before);
}

NOINLINE void advance(scans *s, uint64_t now_ms) {
    uint64_t elapsed = now_ms - s->clock;
    if (now_ms <= s->clock)
        return;
    s->clock = now_ms;
    if (elapsed > LEAP) {
        sweep(s, s->count, elapsed);
        s->tick += elapsed;
    } else {
        s->tick += elapsed;
        s->credit += elapsed * s->count;
        sweep(s, s->credit >> SWEEP_BITS, 0);
        s->credit &= ones(SWEEP_BITS);
    }
    if (now_ms / 1000 != s->second)
        close_second(s, now_ms / 1000);
}

/* --- lines to counts --- */

INLINE bucket *bucket_of(const scans *s, uint64_t hash) { return (bucket *)((char *)s->buckets + (hash >> 20 & s->mask)); }

NOINLINE void settle(scans *s) {
    uint64_t (*rows)[COLUMNS] = s->bank->rows, forgotten = 0;
    uint32_t *cells = s->bank->cells, window = s->window, loop_least = s->loop_least, loop_span = s->loop_span, horizon = s->horizon;
    uint16_t now = (uint16_t)s->tick;
    __m128i then = _mm_set1_epi16((short)(now + 1));
    for (const staged *one = s->stage, *end = one + s->staged; one < end; one++) {
        bucket *b = bucket_of(s, one->hash);
        uint32_t low = (uint32_t)one->hash;
        uint16_t high = (uint16_t)(one->hash >> 48);
        __m128i left = _mm_load_si128((__m128i *)b->low), right = _mm_load_si128((__m128i *)(b->low + 4)), key = _mm_set1_epi32((int)low);
        __m128i same = _mm_packs_epi32(_mm_cmpeq_epi32(left, key), _mm_cmpeq_epi32(right, key));
        __m128i youth = _mm_sub_epi16(_mm_load_si128((__m128i *)b->tick), then);
        same = _mm_and_si128(same, _mm_cmpeq_epi16(_mm_load_si128((__m128i *)b->high), _mm_set1_epi16((short)high)));
        unsigned hits = (unsigned)_mm_movemask_epi8(same), hit = hits != 0;
        unsigned oldest = 3u << 2 * _mm_extract_epi16(_mm_minpos_epu16(youth), 1), at = ctz(hits | (oldest & (hit - 1))) >> 1;
        uint32_t age = (uint16_t)(now - b->tick[at]);
        forgotten += (hit ^ 1) & (age <= horizon);
        b->low[at] = low;
        b->high[at] = high;
        b->tick[at] = now;
        unsigned sight = hit * ((age < window) + 2 * (age - loop_least <= loop_span));
        rows[one->lane][sight]++;
        cells[one->cell] += sight == NEW;
    }
    s->forgotten += forgotten;
    s->staged = 0;
}

INLINE void stage(scans *s, staged *one, const uint8_t *code, unsigned length, unsigned lane, unsigned chute, unsigned carrier) {
    uint64_t place = (uint64_t)length << 32 | lane;
    uint64_t hash = fold(read64(code) ^ s->key[0], read64(code + length - 8) ^ s->key[1])
                  ^ fold(read64(code + (length >> 1) - 4) ^ s->key[2], place ^ s->key[3]);
    one->hash = hash;
    one->cell = (lane * (s->chutes + 1) + chute) * CLASSES + carrier;
    one->lane = lane;
    __builtin_prefetch(bucket_of(s, hash), 1);
    __builtin_prefetch(s->bank->cells + one->cell, 1);
}

/* Anything that is no ordinary good read: the reason. (Codes of 8 to 24 characters are the only good ones here.) */
NOINLINE unsigned reason(const scans *s, const uint8_t *at, size_t length, unsigned *lane) {
    const uint8_t *field[5];
    unsigned fields = 1, value;
    *lane = 0;
    if (length > LINE_MOST)
        return OVERLONG;
    if (length < 2 || at[length - 1] != '\r' || at[0] != 2)
        return FRAMING;
    const uint8_t *stop = at + length - 1;
    if (++at == stop)
        return EMPTY;
    for (const uint8_t *c = at; c < stop; c++)
        if (*c < ' ' || *c > '~')
            return BYTE;
    field[0] = at;
    for (const uint8_t *c = at; c < stop; c++)
        if (*c == ',') {
            if (fields == 4)
                return FIELDS;
            field[fields++] = c + 1;
        }
    if (fields < 2)
        return FIELDS;
    field[fields] = stop + 1;
    value = 0;
    for (const uint8_t *c = at; c < field[1] - 1; c++) {
        if (*c < '0' || *c > '9' || c - at == 4)
            return LANE;
        value = value * 10 + *c - '0';
    }
    if (field[1] - 1 == at || value >= s->lanes)
        return LANE;
    if (field[2] - 1 - field[1] == 6) {
        unsigned i = 0;
        while (i < 6 && (field[1][i] & 0xDF) == "NOREAD"[i])
            i++;
        if (i == 6) {
            *lane = value;
            return NO_READ;
        }
    }
    unsigned code = (unsigned)(field[2] - 1 - field[1]);
    if (code < 8 || code > 24)
        return CODE;
    for (const uint8_t *c = field[1]; c < field[2] - 1; c++)
        if (!((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z')))
            return CODE;
    return field[fields] - 1 - field[fields - 1] > 3 ? CONFIDENCE : CHUTE;
}

NOINLINE void odd(scans *s, const uint8_t *at, size_t length) {
    unsigned lane, column = reason(s, at, length, &lane);
    s->bank->rows[lane][column]++;
}

INLINE int ordinary(scans *s, staged *one, const uint8_t *at, masks m, unsigned length) {
    unsigned body = length - 2;
    if (body - 8 > 48 || at[0] != 2 || at[length - 1] != '\r')
        return 0;
    at++;
    uint64_t within = ones(body), digits = m.digit >> 1, commas = m.comma >> 1 & within, rest = commas | ~within;
    unsigned code = ctz(rest) + 1, chute, sure, end;
    rest &= rest - 1, chute = ctz(rest) + 1;
    rest &= rest - 1, sure = ctz(rest) + 1;
    rest &= rest - 1, end = ctz(rest) + 1;
    unsigned n = chute - 1 - code, lane_n = code - 1, chute_n = sure - 1 - chute, sure_n = end - 1 - sure;
    if (within & ~(digits | commas | (m.word >> 1 & ones(n & 63) << code)))
        return 0;
    if (end <= body || lane_n - 1 > 3 || chute_n > 4 || n - 8 > 16)
        return 0;
    unsigned lane = number(at, lane_n), chute_no = number(at + chute, chute_n);
    if (lane >= s->lanes || chute_no > s->chutes || (sure_n > 2 && (sure_n > 3 || number(at + sure, sure_n) > 100)))
        return 0;
    stage(s, one, at + code, n, lane, chute_no, carrier_of(s, at + code, n, digits >> code));
    return 1;
}

/* Lines until the stage is full. */
static const uint8_t *stage_lines(scans *s, const uint8_t *at, const uint8_t *stop, const uint8_t *last) {
    staged *one = s->stage + s->staged, *full = s->stage + STAGED;
    while (at <= last && one < full) {
        masks m = classify(at);
        if (!m.end) {
            masks more = classify(at + 32);
            m.end = more.end << 32, m.comma |= more.comma << 32, m.digit |= more.digit << 32, m.word |= more.word << 32;
            if (!m.end) {
                const uint8_t *end = memchr(at + 64, '\n', (size_t)(stop - at - 64));
                if (!end)
                    break;
                odd(s, at, (size_t)(end - at));
                at = end + 1;
                continue;
            }
        }
        unsigned length = ctz(m.end);
        if (ordinary(s, one, at, m, length)) {
            one++;
        } else if (length == 0) {
            length = ctz(~m.end) - 1;
            s->bank->rows[0][FRAMING] += length + 1;
        } else {
            odd(s, at, length);
        }
        at += length + 1;
    }
    s->staged = (unsigned)(one - s->stage);
    return at;
}

static const uint8_t *lines(scans *s, const uint8_t *at, const uint8_t *stop, const uint8_t *last) {
    while (at = stage_lines(s, at, stop, last), s->staged == STAGED)
        settle(s);
    return at;
}

/* --- bytes to lines --- */

static const uint8_t *begun(scans *s, const uint8_t *at, const uint8_t *stop) {
    const uint8_t *end = memchr(at, '\n', (size_t)(stop - at));
    size_t length = (size_t)((end ? end : stop) - at);
    if (s->endless) {
        s->endless = !end;
    } else if (s->held + length > LINE_MOST) {
        s->bank->rows[0][OVERLONG]++;
        s->held = 0;
        s->endless = !end;
    } else {
        memcpy(s->begun + s->held, at, length + (end != NULL));
        s->held += (unsigned)length;
        if (end) {
            lines(s, s->begun, s->begun + s->held + 1, s->begun);
            s->held = 0;
        }
    }
    return end ? end + 1 : stop;
}

void scans_feed(scans *s, const uint8_t *at, size_t length, uint64_t now_ms) {
    uint8_t tail[2 * AHEAD + 64];
    const uint8_t *stop = at + length;
    advance(s, now_ms);
    if (s->held || s->endless)
        at = begun(s, at, stop);
    if (stop - at > AHEAD)
        at = lines(s, at, stop, stop - AHEAD);
    size_t rest = (size_t)(stop - at);
    if (rest <= AHEAD) {
        memcpy(tail, at, rest);
        memset(tail + rest, 0, sizeof tail - rest);
        at += lines(s, tail, tail + sizeof tail, tail + rest - 1) - tail;
    }
    rest = (size_t)(stop - at);
    if (rest > LINE_MOST) {
        s->bank->rows[0][OVERLONG]++;
        s->endless = 1;
    } else if (rest) {
        memcpy(s->begun, at, rest);
        s->held = (unsigned)rest;
    }
    settle(s);
}

/* --- for the bench --- */

scans *scans_open(unsigned lanes, unsigned chutes, uint64_t live_codes, const uint64_t key[4], uint32_t window_ms,
                  uint32_t loop_least_ms, uint32_t loop_most_ms) {
    static const struct { const char *prefix; unsigned least, most, carrier; } RULES[] = {
        {"SF", 12, 15, SF}, {"YT", 13, 13, YTO}, {"JT", 12, 13, JT}, {"JDX", 12, 12, JD}, {"JDK", 12, 12, JD},
        {"JDV?", 11, 11, JD}, {"STO", 10, 10, STO}, {"DPK", 11, 12, DEPPON}};
    scans *s = calloc(1, sizeof *s);
    unsigned bits_ = 6;
    while ((2ULL << bits_) < live_codes)
        bits_++;
    s->count = 1ULL << bits_, s->mask = 64 * (s->count - 1);
    size_t size = s->count * sizeof(bucket), page = (size_t)2 << 20;
    s->buckets = aligned_alloc(size < page ? 64 : page, size);
    if (size >= page)
        madvise(s->buckets, size, MADV_HUGEPAGE);
    memset(s->buckets, 0, s->count * sizeof(bucket));
    s->lanes = lanes, s->chutes = chutes, s->window = window_ms, s->horizon = loop_most_ms;
    s->loop_least = loop_least_ms, s->loop_span = loop_most_ms - loop_least_ms;
    s->tick = loop_most_ms + 1; /* nothing looks seen before */
    for (int i = 0; i < 3; i++)
        s->banks[i].cells = calloc((size_t)lanes * (chutes + 1) * CLASSES, sizeof(uint32_t));
    s->bank = &s->banks[0];
    atomic_init(&s->ready, -1);
    atomic_init(&s->spare, 1);
    memcpy(s->key, key, sizeof s->key);
    s->rules[0].span = LINE_MOST, s->rules[0].carrier = NUMERIC;
    for (unsigned i = sizeof RULES / sizeof *RULES; i; i--) {
        const char *p = RULES[i - 1].prefix;
        rule *r = &s->rules[i];
        for (unsigned k = 0; p[k]; k++) {
            r->prefix |= (uint64_t)(p[k] == '?' ? 0 : p[k]) << 8 * k;
            r->mask |= (p[k] == '?' ? 0 : 0xFFULL) << 8 * k;
        }
        unsigned n = (unsigned)strlen(p), place = (p[0] & 31) | (p[1] & 31) << 5;
        r->letters = ones(n), r->least = n + RULES[i - 1].least, r->span = RULES[i - 1].most - RULES[i - 1].least;
        r->carrier = RULES[i - 1].carrier, r->others = 1, r->other = s->first[place];
        s->first[place] = (uint8_t)i;
    }
    return s;
}

/* Feed `octets` in chunks; chunk i comes at base_ms + at_ms[i]. */
void scans_run(scans *s, const uint8_t *octets, size_t length, size_t chunk, uint64_t base_ms, const uint32_t *at_ms) {
    for (size_t at = 0, i = 0; at < length; at += chunk, i++)
        scans_feed(s, octets + at, length - at < chunk ? length - at : chunk, base_ms + at_ms[i]);
}

/* Reads counted so far in all banks, by column. */
void scans_rows(const scans *s, uint64_t *rows) {
    for (int b = 0; b < 3; b++)
        for (unsigned lane = 0; lane < s->lanes; lane++)
            for (unsigned k = 0; k < COLUMNS; k++)
                rows[k] += s->banks[b].rows[lane][k];
}

void scans_close(scans *s) {
    for (int i = 0; i < 3; i++)
        free(s->banks[i].cells);
    free(s->buckets);
    free(s);
}
