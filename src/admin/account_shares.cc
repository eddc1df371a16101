#include "admin/account_shares.h"

namespace postern::admin {

std::shared_ptr<void> AccountShares::take(const std::string& account, Stay stay) {
  const std::size_t waits = stay == Stay::waiting ? 1 : 0;
  {
    const std::lock_guard lock(books_->mutex);
    const auto [found, is_new] = books_->held.try_emplace(account);
    Held& held = found->second;
    if (held.requests >= requests_ || held.waits + waits > waits_) {
      if (held.requests == 0) books_->held.erase(found);
      return nullptr;
    }
    ++held.requests;
    held.waits += waits;
  }
  const auto release = [books = books_, account, waits](void*) {
    const std::lock_guard lock(books->mutex);
    const auto found = books->held.find(account);
    found->second.waits -= waits;
    if (--found->second.requests == 0) books->held.erase(found);
  };
  return {static_cast<void*>(books_.get()), release};
}

}  // namespace postern::admin
