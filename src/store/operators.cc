#include "store/operators.h"

#include <algorithm>

namespace postern::store {

Result<bool> Operators::contains(const std::string& account) const {
  if (!named_.empty()) return std::ranges::find(named_, account) != named_.end();
  if (const auto answer = known(account)) return *answer;
  const Result<std::string> first = store_.first_account();
  if (!first) return tl::unexpected(first.error());
  // Not cached: an account that is the first one may be created now.
  if (first->empty()) return false;
  const bool is_first = *first == account;
  const std::lock_guard lock(mutex_);
  if (answers_.size() >= most_remembered) answers_.clear();
  answers_.emplace(account, is_first);
  return is_first;
}

std::optional<bool> Operators::known(const std::string& account) const {
  if (!named_.empty()) return std::ranges::find(named_, account) != named_.end();
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(account);
  return found == answers_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::vector<std::string>> Operators::accounts() const {
  if (!named_.empty()) return named_;
  Result<std::string> first = store_.first_account();
  if (!first) return tl::unexpected(first.error());
  if (first->empty()) return std::vector<std::string>();
  return std::vector{std::move(*first)};
}

}  // namespace postern::store
