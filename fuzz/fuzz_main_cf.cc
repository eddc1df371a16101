// A main.cf: its lines, the words of each value, the expansion of each value, and its import.
#include "base/text.h"
#include "dialect/restrictions/expansion.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/postfix_import.h"
#include "invariant.h"

namespace {

using namespace postern::dialect::restrictions;
using postern::dialect::Fate;
using postern::dialect::ImportedParameter;
using postern::fuzz::must;

void check_words(std::string_view value) {
  const auto words = split_words(value);
  if (!words) return;
  std::size_t last = 0;
  for (const Word& word : *words) {
    must(word.offset >= last && word.offset <= value.size(), "words stand in their order");
    must(value.substr(word.offset, word.text.size()) == word.text, "a word stands at its offset");
    must(word.grouped || !word.text.empty(), "only braces hold nothing");
    last = word.offset + word.text.size();
  }
}

void check_import(std::string_view text, const Parameters& parameters) {
  const PostfixImport import = import_postfix(text);
  if (!import.ok()) {
    must(import.toml.empty(), "mistakes prevent an import");
    return;
  }
  must(postern::is_utf8(import.toml), "TOML is UTF-8");
  must(import.parameters.size() == parameters.settings().size(), "each parameter is reported once");
  for (const ImportedParameter& one : import.parameters) {
    must(parameters.is_set(one.name), "only what is there is reported");
    must(one.fate == Fate::carried || !one.note.empty(), "what is not simply carried says why");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  std::map<std::string, std::string, std::less<>> settings;
  std::size_t line = 0;
  for (Setting& setting : parse_main_cf(text, diagnostics)) {
    must(setting.line > line, "settings stand in their order");
    must(!setting.name.empty(), "a setting has a name");
    must(postern::trim(setting.value).size() == setting.value.size(), "outer blanks are gone");
    line = setting.line;
    check_words(setting.value);
    references(setting.value);
    settings.insert_or_assign(std::move(setting.name), std::move(setting.value));
  }
  for (const Diagnostic& diagnostic : diagnostics) {
    must(diagnostic.place.offset <= text.size(), "a mistake stands in the text");
  }
  const Parameters parameters(std::move(settings), "mx.example.org");
  for (const auto& [name, raw] : parameters.settings()) {
    const auto value = parameters.value(name);
    must(value || !value.error().message.empty(), "an error says what it is");
    if (value) check_words(*value);
    (void)parameters.flag(name);
    (void)parameters.number(name, 400, 599);
  }
  for (const std::string_view name : restriction_parameters()) (void)parameters.words(name);
  check_import(text, parameters);
  return 0;
}
