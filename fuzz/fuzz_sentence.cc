// A guardrail's sentence. Whatever the text, it is read, or refused at a column of it.
#include <cstdint>
#include <string_view>

#include "base/ip.h"
#include "config/sentence.h"
#include "invariant.h"

namespace {

using postern::app::Condition;

void look(const Condition& condition) {
  const bool whole =
      condition.kind == Condition::Kind::always || condition.kind == Condition::Kind::term;
  postern::fuzz::must(whole == condition.parts.empty(), "what is put together has parts");
  for (const Condition& part : condition.parts) look(part);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const postern::app::NetworkSets sets{{"inside", {*postern::Cidr::parse("10.0.0.0/8")}}};
  const auto sentence = postern::app::parse_sentence(text, sets);
  if (sentence) {
    look(sentence->condition);
    return 0;
  }
  const std::size_t column = sentence.error().column;
  postern::fuzz::must(column >= 1 && column <= size + 1, "the column is one of the text");
  postern::fuzz::must(!sentence.error().message.empty(), "an error says something");
  return 0;
}
