/* What Cython cannot say: 32 bytes into bit masks, a bucket of eight searched at once, 64 x 64 bit products, atomics.
   SSE2 (any x86-64), SSE4.1 (when the compiler may), NEON (aarch64), and portable C, which SCAN_PORTABLE forces. */
#ifndef HUBPULSE_SCAN_MASKS_H
#define HUBPULSE_SCAN_MASKS_H
#include <stdint.h>
#include <string.h>

#define scan_inline static inline __attribute__((always_inline))
#define scan_prefetch(at) __builtin_prefetch((at), 1)
#define scan_ctz(bits) ((unsigned)__builtin_ctzll(bits)) /* bits != 0 */
#define scan_ones(count) ((1ULL << (count)) - 1)         /* count <= 63 */
#define scan_peek(slot) __atomic_load_n((slot), __ATOMIC_ACQUIRE)
#define scan_put(slot, value) __atomic_store_n((slot), (value), __ATOMIC_RELEASE)
#define scan_swap(slot, value) __atomic_exchange_n((slot), (value), __ATOMIC_ACQ_REL)

/* Bit i tells of byte i: the end of a line, the separator, a digit, a digit or upper-case letter. */
typedef struct { uint64_t end, separator, digit, word; } scan_masks;
/* One cache line: eight codes as 48 bits of their hash, and the tick each was last seen. */
typedef struct __attribute__((aligned(64))) { uint32_t low[8]; uint16_t high[8]; uint16_t tick[8]; } scan_bucket;
/* Where a code is (hit), or where it goes: the slot not seen for longest. */
typedef struct { unsigned index, hit; } scan_slot;

scan_inline uint64_t scan_read64(const uint8_t *at) {
    uint64_t x;
    memcpy(&x, at, 8);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? x : __builtin_bswap64(x);
}

scan_inline uint64_t scan_fold(uint64_t a, uint64_t b) { /* both halves of a * b, one upon the other */
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else /* armv7 */
    uint64_t low = (uint64_t)(uint32_t)a * (uint32_t)b, cross = (a >> 32) * (uint32_t)b;
    uint64_t other = (uint64_t)(uint32_t)a * (b >> 32), middle = (low >> 32) + (uint32_t)cross + (uint32_t)other;
    return (middle << 32 | (uint32_t)low) ^ ((a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32) + (middle >> 32));
#endif
}

#if defined(__SSE2__) && !defined(SCAN_PORTABLE)
#ifdef __SSE4_1__
#include <smmintrin.h>
#else
#include <emmintrin.h>
#endif
#define V __m128i
#define LOAD(at) _mm_loadu_si128((const V *)(at))
#define SLOTS(at) (*(const V *)__builtin_assume_aligned((at), 16))
#define SPREAD(byte) _mm_set1_epi8((char)(byte))
#define EQUAL _mm_cmpeq_epi8
#define RUN(x, first, count) _mm_cmpgt_epi8(SPREAD(-128 + (count)), _mm_add_epi8(x, SPREAD(-128 - (first))))
#define OR _mm_or_si128
#define BITS(a, b) ((uint64_t)((uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16))

scan_inline scan_slot scan_find(const scan_bucket *at, uint32_t low, uint16_t high, uint16_t now) {
    V key = _mm_set1_epi32((int)low), tick = SLOTS(at->tick);
    V same = _mm_packs_epi32(_mm_cmpeq_epi32(SLOTS(at->low), key), _mm_cmpeq_epi32(SLOTS(at->low + 4), key));
    unsigned hit = (unsigned)_mm_movemask_epi8(_mm_and_si128(same, _mm_cmpeq_epi16(SLOTS(at->high), _mm_set1_epi16((short)high))));
#ifdef __SSE4_1__
    V youth = _mm_sub_epi16(tick, _mm_set1_epi16((short)(now + 1)));
    unsigned oldest = 3u << 2 * _mm_extract_epi16(_mm_minpos_epu16(youth), 1);
#else
    V youth = _mm_sub_epi16(tick, _mm_set1_epi16((short)(now + 0x8001))), least; /* as signed numbers */
    least = _mm_min_epi16(youth, _mm_shuffle_epi32(youth, 0x4E));
    least = _mm_min_epi16(least, _mm_shuffle_epi32(least, 0xB1));
    least = _mm_min_epi16(least, _mm_shufflehi_epi16(_mm_shufflelo_epi16(least, 0xB1), 0xB1));
    unsigned oldest = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(youth, least));
#endif
    return (scan_slot){scan_ctz(hit | (oldest & -(unsigned)(hit == 0))) >> 1, hit != 0};
}
#elif defined(__aarch64__) && !defined(SCAN_PORTABLE)
#include <arm_neon.h>
#define V uint8x16_t
#define LOAD(at) vld1q_u8(at)
#define SPREAD(byte) vdupq_n_u8(byte)
#define EQUAL vceqq_u8
#define RUN(x, first, count) vcltq_u8(vsubq_u8(x, SPREAD(first)), SPREAD(count))
#define OR vorrq_u8

scan_inline uint64_t BITS(V a, V b) {
    const V weight = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    V sum = vpaddq_u8(vandq_u8(a, weight), vandq_u8(b, weight));
    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(sum, sum)), 0);
}

#define NARROW(wide) vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(wide)), 0) /* eight bits a lane */
scan_inline scan_slot scan_find(const scan_bucket *at, uint32_t low, uint16_t high, uint16_t now) {
    uint32x4_t left = vld1q_u32(at->low), right = vld1q_u32(at->low + 4), key = vdupq_n_u32(low);
    uint16x8_t same = vcombine_u16(vmovn_u32(vceqq_u32(left, key)), vmovn_u32(vceqq_u32(right, key)));
    uint16x8_t youth = vsubq_u16(vld1q_u16(at->tick), vdupq_n_u16((uint16_t)(now + 1)));
    uint64_t hit = NARROW(vandq_u16(same, vceqq_u16(vld1q_u16(at->high), vdupq_n_u16(high))));
    uint64_t oldest = NARROW(vceqq_u16(youth, vdupq_n_u16(vminvq_u16(youth))));
    return (scan_slot){scan_ctz(hit ? hit : oldest) >> 3, hit != 0};
}
#else
#define PLAIN
#define EACH 0x0101010101010101ULL
#define TOP 0x8080808080808080ULL
#define V uint64_t
#define LOAD scan_read64
#define SPREAD(byte) (EACH * (byte))
#define EQUAL(x, y) (~(((((x) ^ (y)) & ~TOP) + ~TOP) | ((x) ^ (y))) & TOP)
#define FROM(x, first) (((x) & ~TOP) + EACH * (128 - (first)))
#define RUN(x, first, count) (FROM(x, first) & ~FROM(x, (first) + (count)) & ~(x) & TOP)
#define OR(x, y) ((x) | (y))
#define BITS(x) (((x) >> 7) * 0x0102040810204080ULL >> 56)

scan_inline scan_slot scan_find(const scan_bucket *at, uint32_t low, uint16_t high, uint16_t now) {
    unsigned hit = 8, oldest = 0, most = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned age = (uint16_t)(now - at->tick[i]);
        hit = at->low[i] == low && at->high[i] == high ? i : hit;
        oldest = age > most ? i : oldest;
        most = age > most ? age : most;
    }
    return (scan_slot){hit < 8 ? hit : oldest, hit < 8};
}
#endif

scan_inline scan_masks scan_classify(const uint8_t *at, uint8_t end, uint8_t separator) {
    scan_masks m = {0, 0, 0, 0};
#ifdef PLAIN
    for (unsigned i = 0; i < 32; i += 8) {
        V x = LOAD(at + i), digit = RUN(x, '0', 10);
        m.end |= BITS(EQUAL(x, SPREAD(end))) << i, m.separator |= BITS(EQUAL(x, SPREAD(separator))) << i;
        m.digit |= BITS(digit) << i, m.word |= BITS(OR(digit, RUN(x, 'A', 26))) << i;
    }
#else
    V a = LOAD(at), b = LOAD(at + 16), e = SPREAD(end), s = SPREAD(separator), p = RUN(a, '0', 10), q = RUN(b, '0', 10);
    m.end = BITS(EQUAL(a, e), EQUAL(b, e)), m.separator = BITS(EQUAL(a, s), EQUAL(b, s));
    m.digit = BITS(p, q), m.word = BITS(OR(p, RUN(a, 'A', 26)), OR(q, RUN(b, 'A', 26)));
#endif
    return m;
}
#undef V
#undef LOAD
#undef SLOTS
#undef SPREAD
#undef EQUAL
#undef RUN
#undef OR
#undef BITS
#endif
