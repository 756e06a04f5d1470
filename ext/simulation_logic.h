/* The three-operand functions of bits, for instruction sets that have only two-operand ones. */
#define XOR3(a, b, c) ((a) ^ (b) ^ (c))
#define MAJ(a, b, c) (((a) & (b)) | (((a) ^ (b)) & (c)))
#define AND_XOR(a, b, c) ((a) & ((b) ^ (c)))
#define OR_XOR(a, b, c) ((a) | ((b) ^ (c)))
#define SELECT(mask, yes, no) ((((yes) ^ (no)) & (mask)) ^ (no))
