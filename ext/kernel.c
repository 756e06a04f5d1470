#include "strict.h"

#include "kernel.h"

const struct kernel *const *kernel_choices(void)
{
#if defined(__x86_64__)
    static const struct kernel *const all[] = {&kernel_avx512, &kernel_avx2, &kernel_plain, NULL};
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return all + 2;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl"))
        return all + 1;
    return all;
#else
    static const struct kernel *const all[] = {&kernel_plain, NULL};
    return all;
#endif
}
