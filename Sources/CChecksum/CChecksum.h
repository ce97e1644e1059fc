// CRC-32C by the processor's instruction for it, which Swift has no way to name.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

static inline int taffrail_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }

/// The state after `count` more bytes; the caller inverts it before the first and after the last.
__attribute__((target("sse4.2"))) static inline uint32_t taffrail_crc32c(
    uint32_t state, const void *bytes, size_t count) {
  const unsigned char *next = (const unsigned char *)bytes;
  uint64_t wide = state;
  for (; count >= 8; count -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  uint32_t narrow = (uint32_t)wide;
  for (; count > 0; count--, next++) narrow = __builtin_ia32_crc32qi(narrow, *next);
  return narrow;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

static inline int taffrail_has_crc32c(void) { return 1; }

static inline uint32_t taffrail_crc32c(uint32_t state, const void *bytes, size_t count) {
  const unsigned char *next = (const unsigned char *)bytes;
  for (; count >= 8; count -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, 8);
    state = __builtin_arm_crc32cd(state, word);
  }
  for (; count > 0; count--, next++) state = __builtin_arm_crc32cb(state, *next);
  return state;
}

#else

static inline int taffrail_has_crc32c(void) { return 0; }

static inline uint32_t taffrail_crc32c(uint32_t state, const void *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return state;
}
#endif
