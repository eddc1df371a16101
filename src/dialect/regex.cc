#include "dialect/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace postern::dialect {
namespace {

// PCRE2 counts steps anew for each octet where a match may begin: a long subject gets fewer for
// each.
constexpr std::uint64_t steps_per_lookup = 20'000'000;
constexpr std::uint32_t least_steps = 5'000;
constexpr std::uint32_t most_steps = 200'000;
constexpr std::uint32_t depth_limit = 20'000;
constexpr std::uint32_t heap_limit_kib = 16'384;
constexpr std::uint32_t kept_groups = 100;  ///< the match, $1 to $99
constexpr std::size_t longest_pattern = 65'536;
constexpr std::size_t longest_subject = 16'384;
// A search checks the time between windows of octets where a match may begin.
constexpr std::size_t least_window = 64;
constexpr std::size_t most_window = 1'024;
constexpr std::uint32_t search_steps = 100'000;  ///< for each octet where a match may begin

/// What a thread needs for matching; destroyed with the thread.
struct Workspace {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(kept_groups, nullptr);
  Workspace() {
    pcre2_set_depth_limit(context, depth_limit);
    pcre2_set_heap_limit(context, heap_limit_kib);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

Workspace& workspace() {
  thread_local Workspace mine;
  return mine;
}

std::uint32_t flags_of(const RegexOptions& options) {
  // The code that PCRE2 10.42 makes for the processor misses matches otherwise: `(ab|a).*.` is not
  // found in "ab".
  std::uint32_t flags = PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_START_OPTIMIZE;
  if (options.caseless) flags |= PCRE2_CASELESS;
  if (options.multiline) flags |= PCRE2_MULTILINE;
  if (options.dot_all) flags |= PCRE2_DOTALL;
  if (options.extended) flags |= PCRE2_EXTENDED;
  if (options.anchored) flags |= PCRE2_ANCHORED;
  if (options.dollar_end_only) flags |= PCRE2_DOLLAR_ENDONLY;
  if (options.ungreedy) flags |= PCRE2_UNGREEDY;
  if (options.unicode) {
    flags |= PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_USE_OFFSET_LIMIT;
  }
  return flags;
}

}  // namespace

void Regex::Free::operator()(void* code) const { pcre2_code_free(static_cast<pcre2_code*>(code)); }

Result<Regex> Regex::compile(std::string_view pattern, const RegexOptions& options) {
  if (pattern.size() > longest_pattern) {
    return fail(Fault::limit, fmt::format("longer than {} octets", longest_pattern));
  }
  int code = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                       flags_of(options), &code, &at, nullptr);
  if (compiled == nullptr) {
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(code, text.data(), text.size());
    return fail(Fault::malformed,
                fmt::format("at octet {}: {}", at + 1, reinterpret_cast<const char*>(text.data())));
  }
  Regex regex;
  regex.code_.reset(compiled);
  // If the system forbids run-time code generation, the interpreter runs instead.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  std::uint32_t groups = 0;
  pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
  regex.groups_ = groups;
  std::size_t size = 0;
  std::size_t jit = 0;
  pcre2_pattern_info(compiled, PCRE2_INFO_SIZE, &size);
  pcre2_pattern_info(compiled, PCRE2_INFO_JITSIZE, &jit);
  regex.memory_ = size + jit;
  regex.is_native_ = jit != 0 && !options.unicode;
  return regex;
}

namespace {

/// `is_native`: the pattern was compiled for the processor and without PCRE2_UTF, so that the
/// checks of pcre2_match() are not needed.
int run_match(Workspace& mine, const void* code, std::string_view subject, std::size_t from,
              bool is_native) {
  const char* text = subject.empty() ? "" : subject.data();
  const auto once = [&](std::uint32_t options) {
    const auto& match = is_native && options == 0 ? pcre2_jit_match : pcre2_match;
    return match(static_cast<const pcre2_code*>(code), reinterpret_cast<PCRE2_SPTR>(text),
                 subject.size(), from, options, mine.data, mine.context);
  };
  const int result = once(0);
  // The stack for compiled code is small; the interpreter uses the heap.
  return result == PCRE2_ERROR_JIT_STACKLIMIT ? once(PCRE2_NO_JIT) : result;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Regex::Outcome Regex::match(std::string_view subject) const {
  if (subject.size() > longest_subject) return Outcome::failed;
  Workspace& mine = workspace();
  if (mine.context == nullptr || mine.data == nullptr) return Outcome::failed;
  const auto share = static_cast<std::uint32_t>(steps_per_lookup / (subject.size() + 1));
  pcre2_set_match_limit(mine.context, std::clamp(share, least_steps, most_steps));
  const int result = run_match(mine, code_.get(), subject, 0, is_native_);
  if (result >= 0) return Outcome::yes;
  return result == PCRE2_ERROR_NOMATCH ? Outcome::no : Outcome::failed;
}

Regex::Outcome Regex::search(std::string_view subject, std::size_t from,
                             std::chrono::steady_clock::time_point until) const {
  using Clock = std::chrono::steady_clock;
  if (subject.size() > longest_search) return Outcome::failed;
  Workspace& mine = workspace();
  if (mine.context == nullptr || mine.data == nullptr) return Outcome::failed;
  pcre2_set_match_limit(mine.context, search_steps);
  std::size_t window = least_window;
  Outcome outcome = Outcome::no;
  for (auto began = Clock::now(); outcome == Outcome::no;) {
    const std::size_t last = std::min(from + window, subject.size());
    pcre2_set_offset_limit(mine.context, last);
    const int result = run_match(mine, code_.get(), subject, from, false);
    if (result >= 0) outcome = Outcome::yes;
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) outcome = Outcome::failed;
    from = last + 1;
    while (from < subject.size() && is_continuation(subject[from])) ++from;
    if (outcome != Outcome::no || from > subject.size()) break;
    const auto now = Clock::now();
    if (now > until) outcome = Outcome::failed;
    window = now - began < std::chrono::milliseconds(1) ? std::min(window * 2, most_window)
                                                        : least_window;
    began = now;
  }
  pcre2_set_offset_limit(mine.context, PCRE2_UNSET);  // match() has no limit
  return outcome;
}

std::optional<std::pair<std::size_t, std::size_t>> Regex::bounds(std::string_view subject,
                                                                 unsigned number) {
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(workspace().data);
  if (number >= kept_groups) return std::nullopt;
  const std::size_t begin = ends[2 * number];
  const std::size_t end = ends[2 * number + 1];
  // \K can place the end before the beginning.
  if (begin == PCRE2_UNSET || begin > end || end > subject.size()) return std::nullopt;
  return std::pair(begin, end);
}

std::string_view Regex::group(std::string_view subject, unsigned number) {
  const auto found = bounds(subject, number);
  return found ? subject.substr(found->first, found->second - found->first) : std::string_view();
}

std::vector<std::pair<std::string, unsigned>> Regex::names() const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  std::uint32_t count = 0;
  std::uint32_t width = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &width);
  pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
  std::vector<std::pair<std::string, unsigned>> found;
  for (std::uint32_t i = 0; i < count; ++i, table += width) {
    found.emplace_back(reinterpret_cast<const char*>(table + 2), table[0] * 256u + table[1]);
  }
  return found;
}

}  // namespace postern::dialect
