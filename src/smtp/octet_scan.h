// Finds the octets that matter in DATA, 64 at a time.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace postern::smtp {

/// Positions in a block: bit i is set if octet i is the octet named.
struct BlockMasks {
  std::uint64_t cr = 0;   ///< CR
  std::uint64_t lf = 0;   ///< LF
  std::uint64_t dot = 0;  ///< `.`
  std::uint64_t nul = 0;  ///< NUL
};

/// Octets per block.
inline constexpr std::size_t block_size = 64;

#if defined(__SSE2__)
/// The masks of the `block_size` octets at `block`.
inline BlockMasks block_masks(const char* block) {
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i dot = _mm_set1_epi8('.');
  const __m128i nul = _mm_setzero_si128();
  const auto bits = [](__m128i equal, int shift) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(equal)))
           << shift;
  };
  BlockMasks masks;
  for (int i = 0; i < 64; i += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
    masks.cr |= bits(_mm_cmpeq_epi8(octets, cr), i);
    masks.lf |= bits(_mm_cmpeq_epi8(octets, lf), i);
    masks.dot |= bits(_mm_cmpeq_epi8(octets, dot), i);
    masks.nul |= bits(_mm_cmpeq_epi8(octets, nul), i);
  }
  return masks;
}
#else
/// The masks of the `block_size` octets at `block`.
inline BlockMasks block_masks(const char* block) {
  BlockMasks masks;
  for (std::size_t i = 0; i < block_size; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    masks.cr |= block[i] == '\r' ? bit : 0;
    masks.lf |= block[i] == '\n' ? bit : 0;
    masks.dot |= block[i] == '.' ? bit : 0;
    masks.nul |= block[i] == '\0' ? bit : 0;
  }
  return masks;
}
#endif

}  // namespace postern::smtp
