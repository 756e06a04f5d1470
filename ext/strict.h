/* First include of every C file of ours: the warnings that generated C could not stand. */
#ifndef DYNAMICRYPT_STRICT_H
#define DYNAMICRYPT_STRICT_H

#pragma GCC diagnostic warning "-Wpedantic"
#pragma GCC diagnostic warning "-Wconversion"
#pragma GCC diagnostic warning "-Wshadow"

#endif
