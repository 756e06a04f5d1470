/* The machines of one side of a channel, and the packages of steps that they take together.
   The semantics are those of dynamicrypt/tpm/reference_bank.py, the formats those of _core.pyi.
   Nothing here allocates: the owner of the bank provides every buffer. */
#ifndef DYNAMICRYPT_BANK_H
#define DYNAMICRYPT_BANK_H

#include <stdbool.h>

#include "kernel.h"

struct member {
    uint64_t run;
    uint64_t steps;
    uint64_t agreements; /* since the last disagreement, draw or release */
    uint32_t packages;   /* evaluated in this run */
    bool active;
    bool pending; /* takes part in the package that was evaluated last */
};

struct bank {
    struct geometry geometry;
    const struct kernel *kernel;
    size_t machines;
    size_t machine_bytes;  /* of a package's inputs: whole blocks of 16 */
    size_t machine_stride; /* of a machine's weights: K*stride, whole 64 bytes */
    size_t active;
    struct member *members;
    /* Secret. */
    int8_t *weights;          /* machines * machine_stride, aligned to 64 */
    uint8_t *representations; /* machines * geometry.representation, likewise */
    /* Public, kept from evaluate to learn. */
    uint8_t *inputs;    /* machines * machine_bytes + KERNEL_OVERREAD */
    uint64_t *taus;     /* machines * words */
    uint8_t *outputs;   /* bank_output_bytes of all machines, + 16 */
    int32_t *evaluated; /* machine numbers */
    size_t evaluated_count;
    bool waiting; /* between evaluate and learn */
};

/* Fills in the sizes of a geometry from its shape and steps. */
void geometry_complete(struct geometry *geometry);

/* Fills in the sizes of a bank from its geometry. */
void bank_complete(struct bank *bank);

/* Takes a machine into the packages or out of them, and out of the pending one. */
void bank_activate(struct bank *bank, size_t machine, bool active);

/* Bytes of outputs of `machines` packages. */
size_t bank_output_bytes(const struct bank *bank, size_t machines);

/* Writes the counter blocks of the next round: 16 bytes for each 16 bytes of its inputs. */
void bank_counter_blocks(const struct bank *bank, uint8_t *blocks);

/* Evaluates the package in `inputs` for all active machines; the outputs are in `outputs`. */
void bank_evaluate(struct bank *bank);

/* Whether `outputs` is padded with zeros as the outputs of the pending package must be. */
bool bank_padding_is_zero(const struct bank *bank, const uint8_t *outputs);

/* Learns from the partner's outputs, which must stay readable for 16 bytes beyond their end. Writes
   the machines with `agreements` or more to `agreed`, and of the others those with `limit` steps or
   more to `late`. */
void bank_learn(struct bank *bank, const uint8_t *outputs, uint64_t agreements, uint64_t limit,
                int32_t *agreed, size_t *agreed_count, int32_t *late, size_t *late_count);

/* Copies weights between the padded form and K*N canonical bytes. */
void bank_export(const struct bank *bank, size_t machine, int8_t *canonical);
void bank_import(struct bank *bank, size_t machine, const int8_t *canonical);

#endif
