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
typedef __m512i vec;
typedef __mmask64 mask;
#define BITS uint64_t
#elif LANES == 32
#define OP(name) _mm256_##name
typedef __m256i vec;
typedef __mmask32 mask;
#define BITS uint32_t
#else
#define OP(name) _mm_##name
typedef __m128i vec;
typedef __mmask16 mask;
#define BITS uint16_t
#endif

#undef mask_of
#undef mask_of_flipped
#undef select
#undef negated
#undef biased
#undef sums
#undef no_sums
#undef add_sums
#undef above
#undef moved
#undef splat
#define mask_of NAME(mask_of)
#define mask_of_flipped NAME(mask_of_flipped)
#define above NAME(above)
#define moved NAME(moved)
#define splat(byte) OP(set1_epi8)(byte)
#define select(m, a, b) OP(mask_blend_epi8)(m, a, b)
#define no_sums() splat(0)
#define negated(v) OP(sub_epi8)(splat(0), v)
#define biased(v) OP(add_epi8)(v, splat(-128))
#define sums(v) OP(sad_epu8)(v, splat(0))
#define add_sums(a, b) OP(add_epi64)(a, b)

static inline mask mask_of_flipped(const uint8_t *bits, uint64_t flip)
{
    BITS word;
    memcpy(&word, bits, sizeof word);
    return (mask)(word ^ (BITS)flip);
}

static inline mask mask_of(const uint8_t *bits)
{
    return mask_of_flipped(bits, 0);
}

static inline vec moved(vec w, vec d, vec lowest, vec highest)
{
    return OP(max_epi8)(OP(min_epi8)(OP(adds_epi8)(w, d), highest), lowest);
}

/* Adds up the halves of two vectors: lanes of a and b in turns. */
static inline vec NAME(pairs)(vec a, vec b)
{
    return add_sums(OP(unpacklo_epi64)(a, b), OP(unpackhi_epi64)(a, b));
}

static inline uint64_t above(const vec *s, int64_t limit)
{
#if LANES == 64
    const vec a = NAME(pairs)(s[0], s[1]);
    const vec b = NAME(pairs)(s[2], s[3]);
    const vec c = NAME(pairs)(s[4], s[5]);
    const vec d = NAME(pairs)(s[6], s[7]);
    const vec ab = add_sums(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    const vec cd = add_sums(_mm512_shuffle_i64x2(c, d, 0x88), _mm512_shuffle_i64x2(c, d, 0xdd));
    const vec all = add_sums(_mm512_shuffle_i64x2(ab, cd, 0x88), _mm512_shuffle_i64x2(ab, cd, 0xdd));
    return _mm512_cmpgt_epi64_mask(all, _mm512_set1_epi64(limit));
#elif LANES == 32
    const vec a = NAME(pairs)(s[0], s[1]);
    const vec b = NAME(pairs)(s[2], s[3]);
    const vec all =
        add_sums(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    return _mm256_cmpgt_epi64_mask(all, _mm256_set1_epi64x(limit));
#else
    return _mm_cmpgt_epi64_mask(NAME(pairs)(s[0], s[1]), _mm_set1_epi64x(limit));
#endif
}
