#include "strict.h"

#include "bank.h"

#include <string.h>

enum { BLOCK = 16 };

void geometry_complete(struct geometry *g)
{
    const size_t n = (size_t)g->shape.n;
    g->words = ((size_t)g->steps + 63) / 64;
    g->stride = n <= 16 ? 16 : n <= 32 ? 32 : (n + 63) / 64 * 64;
    g->unit_bytes = (n + 7) / 8;
    g->step_bytes = (size_t)g->shape.k * g->unit_bytes;
    /* A bit, or in narrow kernels of two units a vector half a byte, for each unit and step. */
    g->representation = ((size_t)g->shape.k + 1) / 2 * 32 * g->words;
}

void bank_complete(struct bank *bank)
{
    const struct geometry *g = &bank->geometry;
    bank->machine_stride = ((size_t)g->shape.k * g->stride + 63) / 64 * 64;
    bank->machine_bytes = ((size_t)g->steps * g->step_bytes + BLOCK - 1) / BLOCK * BLOCK;
}

void bank_activate(struct bank *bank, size_t machine, bool active)
{
    struct member *member = &bank->members[machine];
    bank->active = bank->active - member->active + active;
    member->active = active;
    member->pending = false;
}

size_t bank_output_bytes(const struct bank *bank, size_t machines)
{
    return (machines * (size_t)bank->geometry.steps + 7) / 8;
}

/* How many steps of a plane lie in one of its words. */
static size_t word_steps(const struct geometry *g, size_t word)
{
    const size_t left = (size_t)g->steps - 64 * word;
    return left < 64 ? left : 64;
}

/* Turns a number into its big-endian bytes, and back. */
static uint64_t big_endian(uint64_t number)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(number);
#else
    return number;
#endif
}

void bank_counter_blocks(const struct bank *bank, uint8_t *blocks)
{
    const size_t count = bank->machine_bytes / BLOCK;
    for (size_t machine = 0; machine < bank->machines; machine++) {
        const struct member *member = &bank->members[machine];
        if (!member->active)
            continue;
        uint64_t block[2] = {big_endian((uint64_t)machine << 48 | member->run), 0};
        for (size_t number = 0; number < count; number++, blocks += BLOCK) {
            block[1] = big_endian((uint64_t)member->packages << 32 | number);
            memcpy(blocks, block, BLOCK);
        }
    }
}

/* Bits in order, the least significant of each byte first. */
struct writer {
    uint8_t *place;
    uint64_t bits;
    size_t count;
};

static void put_word(uint8_t *place, uint64_t word)
{
    for (size_t i = 0; i < 8; i++)
        place[i] = (uint8_t)(word >> 8 * i);
}

static void put_bits(struct writer *out, uint64_t bits, size_t count)
{
    out->bits |= bits << out->count;
    if (out->count + count < 64) {
        out->count += count;
        return;
    }
    put_word(out->place, out->bits);
    out->place += 8;
    out->bits = out->count == 0 ? 0 : bits >> (64 - out->count);
    out->count = out->count + count - 64;
}

/* 64 bits from bit number `position`; reads 9 bytes. */
static uint64_t get_bits(const uint8_t *place, size_t position)
{
    const uint8_t *from = place + position / 8;
    const size_t shift = position % 8;
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits |= (uint64_t)from[i] << 8 * i;
    if (shift != 0)
        bits = bits >> shift | (uint64_t)from[8] << (64 - shift);
    return bits;
}

void bank_evaluate(struct bank *bank)
{
    const struct geometry *g = &bank->geometry;
    struct writer out = {bank->outputs, 0, 0};
    size_t place = 0;
    for (size_t machine = 0; machine < bank->machines; machine++) {
        struct member *member = &bank->members[machine];
        member->pending = member->active;
        if (!member->active)
            continue;
        uint64_t *tau = bank->taus + place * g->words;
        bank->kernel->evaluate(g, bank->weights + machine * bank->machine_stride,
                               bank->inputs + place * bank->machine_bytes,
                               bank->representations + machine * g->representation, tau);
        for (size_t word = 0; word < g->words; word++)
            put_bits(&out, tau[word], word_steps(g, word));
        member->packages++;
        bank->evaluated[place++] = (int32_t)machine;
    }
    put_word(out.place, out.bits);
    bank->evaluated_count = place;
    bank->waiting = true;
}

bool bank_padding_is_zero(const struct bank *bank, const uint8_t *outputs)
{
    const size_t bits = bank->evaluated_count * (size_t)bank->geometry.steps;
    return bits % 8 == 0 || outputs[bits / 8] >> bits % 8 == 0;
}

/* Counts a plane of agreements into the member's run of them. */
static void count_agreements(const struct geometry *g, struct member *member,
                             const uint64_t *agreed)
{
    for (size_t word = 0; word < g->words; word++) {
        const size_t steps = word_steps(g, word);
        const uint64_t missed = ~agreed[word] & plane_mask(g, word);
        if (missed == 0)
            member->agreements += steps;
        else
            member->agreements = steps - (64 - (size_t)__builtin_clzll(missed));
    }
    member->steps += (uint64_t)g->steps;
}

void bank_learn(struct bank *bank, const uint8_t *outputs, uint64_t agreements, uint64_t limit,
                int32_t *agreed_machines, size_t *agreed_count, int32_t *late, size_t *late_count)
{
    const struct geometry *g = &bank->geometry;
    uint64_t agreed[KERNEL_WORDS];
    size_t position = 0;
    *agreed_count = 0;
    *late_count = 0;
    for (size_t place = 0; place < bank->evaluated_count; place++) {
        const size_t machine = (size_t)bank->evaluated[place];
        const uint64_t *tau = bank->taus + place * g->words;
        struct member *member = &bank->members[machine];
        for (size_t word = 0; word < g->words; word++) {
            agreed[word] = ~(tau[word] ^ get_bits(outputs, position)) & plane_mask(g, word);
            position += word_steps(g, word);
        }
        if (!member->pending)
            continue;
        member->pending = false;
        bank->kernel->learn(g, bank->weights + machine * bank->machine_stride,
                            bank->inputs + place * bank->machine_bytes,
                            bank->representations + machine * g->representation, tau, agreed);
        count_agreements(g, member, agreed);
        if (member->agreements >= agreements)
            agreed_machines[(*agreed_count)++] = (int32_t)machine;
        else if (member->steps >= limit)
            late[(*late_count)++] = (int32_t)machine;
    }
    bank->waiting = false;
}

void bank_export(const struct bank *bank, size_t machine, int8_t *canonical)
{
    const size_t n = (size_t)bank->geometry.shape.n;
    const int8_t *weights = bank->weights + machine * bank->machine_stride;
    for (size_t unit = 0; unit < (size_t)bank->geometry.shape.k; unit++)
        memcpy(canonical + unit * n, weights + unit * bank->geometry.stride, n);
}

void bank_import(struct bank *bank, size_t machine, const int8_t *canonical)
{
    const size_t n = (size_t)bank->geometry.shape.n;
    int8_t *weights = bank->weights + machine * bank->machine_stride;
    for (size_t unit = 0; unit < (size_t)bank->geometry.shape.k; unit++)
        memcpy(weights + unit * bank->geometry.stride, canonical + unit * n, n);
}
