// The stages as scripts call them.
#include <algorithm>

#include "dialect/vsl/compiler.h"

namespace postern::dialect::vsl {

namespace {

using policy::Stage;

struct Word {
  std::string_view word;
  Stage stage;
};
constexpr Word words[] = {
    {"connect", Stage::connect}, {"helo", Stage::helo},         {"authenticate", Stage::auth},
    {"mail", Stage::mail},       {"rcpt", Stage::rcpt},         {"preq", Stage::message},
    {"postq", Stage::queued},    {"delivery", Stage::delivery}, {"deliver", Stage::delivery},
};

}  // namespace

std::optional<policy::Stage> stage_named(std::string_view word) {
  const auto* const found = std::ranges::find(words, word, &Word::word);
  if (found == std::ranges::end(words)) return std::nullopt;
  return found->stage;
}

std::string_view word_of(policy::Stage stage) {
  const auto* const found = std::ranges::find(words, stage, &Word::stage);
  return found == std::ranges::end(words) ? std::string_view() : found->word;
}

}  // namespace postern::dialect::vsl
