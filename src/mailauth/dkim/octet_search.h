// The inner loop of relaxed body canonicalization (RFC 6376 §3.4.4).
#pragma once

#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace mailauth::dkim {

/// The first position from `at` on where the relaxed form may differ from `text`: a tab; a space
/// before white space or CR; a space or CR that is the last octet. text.size() when there is none.
/// Linear in the distance.
inline std::size_t find_reducible(std::string_view text, std::size_t at) {
  const std::size_t size = text.size();
  // A space before a tab is found through the tab, because a block may end between the two.
  const auto with_space_before = [&text, begin = at](std::size_t found) {
    return text[found] == '\t' && found > begin && text[found - 1] == ' ' ? found - 1 : found;
  };
#ifdef __SSE2__
  const __m128i space = _mm_set1_epi8(' ');
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i cr = _mm_set1_epi8('\r');
  for (; at + 33 <= size; at += 32) {
    const auto load = [&](std::size_t offset) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at + offset));
    };
    const auto reducible = [&](__m128i here, __m128i next) {
      const __m128i white = _mm_or_si128(_mm_cmpeq_epi8(next, space), _mm_cmpeq_epi8(next, cr));
      return _mm_or_si128(_mm_and_si128(_mm_cmpeq_epi8(here, space), white),
                          _mm_cmpeq_epi8(here, tab));
    };
    const __m128i low = reducible(load(0), load(1));
    const __m128i high = reducible(load(16), load(17));
    if (_mm_movemask_epi8(_mm_or_si128(low, high)) == 0) continue;
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(low)) |
                      static_cast<unsigned>(_mm_movemask_epi8(high)) << 16;
    const std::size_t found = at + static_cast<unsigned>(__builtin_ctz(mask));
    return with_space_before(found);
  }
#endif
  for (; at < size; ++at) {
    const char c = text[at];
    if (c == '\t') return with_space_before(at);
    if (c != ' ' && c != '\r') continue;
    if (at + 1 == size) return at;
    const char next = text[at + 1];
    if (c == ' ' && (next == ' ' || next == '\t' || next == '\r')) return at;
  }
  return size;
}

}  // namespace mailauth::dkim
