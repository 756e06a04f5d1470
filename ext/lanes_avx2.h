/* Lanes of AVX2, for LANES 16 and 32. No include guard: once for each width. */

#undef vec
#undef mask
#undef sum
#undef PARTS
#undef OP
#define PARTS (LANES / 8)
#define vec NAME(vec)
#define mask NAME(vec)
#define sum NAME(vec)
#if LANES == 32
#define OP(name) _mm256_##name
typedef __m256i vec;
#else
#define OP(name) _mm_##name
typedef __m128i vec;
#endif

#undef mask_of
#undef above
#undef moved
#undef pairs_of
#define mask_of NAME(mask_of)
#define above NAME(above)
#define moved NAME(moved)
#define pairs_of NAME(pairs_of)

#ifndef splat
#define splat(byte) OP(set1_epi8)(byte)
#define select(m, a, b) OP(blendv_epi8)(a, b, m)
#define plus(a, b) OP(add_epi8)(a, b)
#define minus(a, b) OP(sub_epi8)(a, b)
#define no_sums() splat(0)
#define sums(v) OP(sad_epu8)(v, splat(0))
#define add_sums(a, b) OP(add_epi64)(a, b)
#endif

/* Each byte of the bits is spread over eight lanes, and each lane tests its own bit. */
static inline mask mask_of(const uint8_t *bits, uint64_t flip)
{
    const vec own = OP(set1_epi64x)((int64_t)UINT64_C(0x8040201008040201));
#if LANES == 32
    uint32_t word;
    memcpy(&word, bits, sizeof word);
    const vec places =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const vec copies = _mm256_set1_epi32((int32_t)(word ^ (uint32_t)flip));
#else
    uint16_t word;
    memcpy(&word, bits, sizeof word);
    const vec places = _mm_set_epi64x(0x0101010101010101, 0);
    const vec copies = _mm_cvtsi32_si128((int32_t)(uint16_t)(word ^ flip));
#endif
    const vec spread_bytes = OP(shuffle_epi8)(copies, places);
#if LANES == 32
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread_bytes, own), own);
#else
    return _mm_cmpeq_epi8(_mm_and_si128(spread_bytes, own), own);
#endif
}

static inline vec moved(vec w, vec d, vec lowest)
{
    return OP(max_epi8)(OP(adds_epi8)(w, d), lowest);
}

/* Adds up the halves of each 16 lanes: sums of a and of b in turns. */
static inline vec pairs_of(vec a, vec b)
{
    return add_sums(OP(unpacklo_epi64)(a, b), OP(unpackhi_epi64)(a, b));
}

#if LANES == 32
static inline uint8_t above_pair(vec a, vec b, int64_t limit)
{
    const vec greater = _mm256_cmpgt_epi64(pairs_of(a, b), _mm256_set1_epi64x(limit));
    return (uint8_t)_mm256_movemask_pd(_mm256_castsi256_pd(greater));
}

static inline uint64_t above(const vec *s, int64_t limit)
{
    const vec a = pairs_of(s[0], s[1]);
    const vec b = pairs_of(s[2], s[3]);
    const vec all =
        add_sums(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    const vec greater = _mm256_cmpgt_epi64(all, _mm256_set1_epi64x(limit));
    return (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(greater));
}

static inline vec spread(uint64_t bits)
{
    const vec own = _mm256_setr_epi64x(1, 2, 4, 8);
    return _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((int64_t)bits), own), own);
}
#define both(a, b) _mm256_and_si256(a, b)
#define firsts(v) _mm256_unpacklo_epi64(v, v)
#define seconds(v) _mm256_unpackhi_epi64(v, v)
#else
static inline uint64_t above(const vec *s, int64_t limit)
{
    const vec greater = _mm_cmpgt_epi64(pairs_of(s[0], s[1]), _mm_set1_epi64x(limit));
    return (uint64_t)_mm_movemask_pd(_mm_castsi128_pd(greater));
}
#endif
