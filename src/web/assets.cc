#include "web/assets.h"

#include <algorithm>

namespace postern::web {

const Asset* find_asset(std::string_view name) {
  const std::span<const Asset> all = assets();
  const auto found = std::ranges::lower_bound(all, name, {}, &Asset::name);
  return found != all.end() && found->name == name ? &*found : nullptr;
}

}  // namespace postern::web
