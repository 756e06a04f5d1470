/* Lanes of AVX-512BW and VL, for LANES 16, 32 and 64. No include guard: once for each width. */

#undef vec
#undef mask
#undef sum
#undef PARTS
#undef OP
#undef BITS
#define PARTS (LANES / 8)
#define vec NAME(vec)
#define mask NAME(mask)
#define sum NAME(vec)
#if LANES == 64
#define OP(name) _mm512_##name
#define BITS uint64_t
typedef __m512i vec;
typedef __mmask64 mask;
#elif LANES == 32
#define OP(name) _mm256_##name
#define BITS uint32_t
typedef __m256i vec;
typedef __mmask32 mask;
#else
#define OP(name) _mm_##name
#define BITS uint16_t
typedef __m128i vec;
typedef __mmask16 mask;
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
#define select(m, a, b) OP(mask_blend_epi8)(m, a, b)
#define plus(a, b) OP(add_epi8)(a, b)
#define minus(a, b) OP(sub_epi8)(a, b)
#define no_sums() splat(0)
#define sums(v) OP(sad_epu8)(v, splat(0))
#define add_sums(a, b) OP(add_epi64)(a, b)
#endif

static inline mask mask_of(const uint8_t *bits, uint64_t flip)
{
    BITS word;
    memcpy(&word, bits, sizeof word);
    return (mask)(word ^ (BITS)flip);
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

static inline uint64_t above(const vec *s, int64_t limit)
{
#if LANES == 64
    const vec a = pairs_of(s[0], s[1]);
    const vec b = pairs_of(s[2], s[3]);
    const vec c = pairs_of(s[4], s[5]);
    const vec d = pairs_of(s[6], s[7]);
    const vec ab = add_sums(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    const vec cd = add_sums(_mm512_shuffle_i64x2(c, d, 0x88), _mm512_shuffle_i64x2(c, d, 0xdd));
    const vec all = add_sums(_mm512_shuffle_i64x2(ab, cd, 0x88), _mm512_shuffle_i64x2(ab, cd, 0xdd));
    return _mm512_cmpgt_epi64_mask(all, _mm512_set1_epi64(limit));
#elif LANES == 32
    const vec a = pairs_of(s[0], s[1]);
    const vec b = pairs_of(s[2], s[3]);
    const vec all =
        add_sums(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    return _mm256_cmpgt_epi64_mask(all, _mm256_set1_epi64x(limit));
#else
    return _mm_cmpgt_epi64_mask(pairs_of(s[0], s[1]), _mm_set1_epi64x(limit));
#endif
}

#if LANES == 64
static inline uint8_t above_pair(vec a, vec b, int64_t limit)
{
    return _mm512_cmpgt_epi64_mask(pairs_of(a, b), _mm512_set1_epi64(limit));
}
#define both(a, b) _mm512_and_si512(a, b)
#define spread(bits) _mm512_maskz_set1_epi64((__mmask8)(bits), -1)
#define firsts(v) _mm512_unpacklo_epi64(v, v)
#define seconds(v) _mm512_unpackhi_epi64(v, v)
#endif
