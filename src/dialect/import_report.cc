#include "dialect/import_report.h"

#include <algorithm>

namespace postern::dialect {

std::string_view fate_word(Fate fate) {
  static constexpr std::string_view words[] = {"carried", "carried with a change", "not supported",
                                               "has no meaning here"};
  return words[static_cast<std::size_t>(fate)];
}

std::string_view fate_key(Fate fate) {
  static constexpr std::string_view keys[] = {"carried", "carried_with_change", "not_supported",
                                              "no_meaning"};
  return keys[static_cast<std::size_t>(fate)];
}

std::size_t ImportReport::count(Fate fate) const {
  return static_cast<std::size_t>(
      std::count_if(parameters.begin(), parameters.end(),
                    [&](const ImportedParameter& one) { return one.fate == fate; }));
}

}  // namespace postern::dialect
