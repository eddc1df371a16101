#include "dialect/restrictions/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace postern::dialect::restrictions {
namespace {

// PCRE2 counts steps anew for each octet a match may begin at, so a long subject gets fewer.
constexpr std::uint64_t steps_per_lookup = 20'000'000;
constexpr std::uint32_t least_steps = 5'000;
constexpr std::uint32_t most_steps = 200'000;
constexpr std::uint32_t depth_limit = 20'000;
constexpr std::uint32_t heap_limit_kib = 16'384;
constexpr std::uint32_t kept_groups = 100;  ///< $1 to $99
constexpr std::size_t longest_pattern = 65'536;
constexpr std::size_t longest_subject = 16'384;

/// What a thread needs for matching. It outlives no match of that thread.
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
  std::uint32_t flags = PCRE2_NEVER_BACKSLASH_C;
  if (options.caseless) flags |= PCRE2_CASELESS;
  if (options.multiline) flags |= PCRE2_MULTILINE;
  if (options.dot_all) flags |= PCRE2_DOTALL;
  if (options.extended) flags |= PCRE2_EXTENDED;
  if (options.anchored) flags |= PCRE2_ANCHORED;
  if (options.dollar_end_only) flags |= PCRE2_DOLLAR_ENDONLY;
  if (options.ungreedy) flags |= PCRE2_UNGREEDY;
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
  // Where the system forbids code made at run time the interpreter does it.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  std::uint32_t groups = 0;
  pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
  regex.groups_ = groups;
  std::size_t size = 0;
  std::size_t jit = 0;
  pcre2_pattern_info(compiled, PCRE2_INFO_SIZE, &size);
  pcre2_pattern_info(compiled, PCRE2_INFO_JITSIZE, &jit);
  regex.memory_ = size + jit;
  return regex;
}

Regex::Outcome Regex::match(std::string_view subject) const {
  if (subject.size() > longest_subject) return Outcome::failed;
  Workspace& mine = workspace();
  if (mine.context == nullptr || mine.data == nullptr) return Outcome::failed;
  const auto share = static_cast<std::uint32_t>(steps_per_lookup / (subject.size() + 1));
  pcre2_set_match_limit(mine.context, std::clamp(share, least_steps, most_steps));
  const char* text = subject.empty() ? "" : subject.data();
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(static_cast<const pcre2_code*>(code_.get()),
                       reinterpret_cast<PCRE2_SPTR>(text), subject.size(), 0, options, mine.data,
                       mine.context);
  };
  int result = run(0);
  // The stack that compiled code gets is small; the interpreter has the heap.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = run(PCRE2_NO_JIT);
  if (result >= 0) return Outcome::yes;
  return result == PCRE2_ERROR_NOMATCH ? Outcome::no : Outcome::failed;
}

std::string_view Regex::group(std::string_view subject, unsigned number) {
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(workspace().data);
  if (number >= kept_groups) return {};
  const std::size_t begin = bounds[2 * number];
  const std::size_t end = bounds[2 * number + 1];
  // \K may put the end in front of the begin.
  if (begin == PCRE2_UNSET || begin > end || end > subject.size()) return {};
  return subject.substr(begin, end - begin);
}

}  // namespace postern::dialect::restrictions
