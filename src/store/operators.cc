#include "store/operators.h"

#include <algorithm>

namespace postern::store {

Result<bool> Operators::contains(const std::string& account) const {
  if (!named_.empty()) return std::ranges::find(named_, account) != named_.end();
  const Result<std::string> only = first();
  if (!only) return tl::unexpected(only.error());
  return !only->empty() && *only == account;
}

std::optional<bool> Operators::known(const std::string& account) const {
  if (!named_.empty()) return std::ranges::find(named_, account) != named_.end();
  const std::lock_guard lock(mutex_);
  if (first_.empty()) return std::nullopt;
  return first_ == account;
}

Result<std::vector<std::string>> Operators::accounts() const {
  if (!named_.empty()) return named_;
  Result<std::string> only = first();
  if (!only) return tl::unexpected(only.error());
  if (only->empty()) return std::vector<std::string>();
  return std::vector{std::move(*only)};
}

Result<std::string> Operators::first() const {
  const std::lock_guard lock(mutex_);
  if (!first_.empty()) return first_;
  Result<std::string> found = store_.first_account();
  if (found) first_ = *found;
  return found;
}

}  // namespace postern::store
