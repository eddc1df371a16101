#include "policy/dkim_keyring.h"

#include <mutex>

#include "mailauth/names.h"

namespace postern::policy {

void DkimKeyring::put(std::shared_ptr<const DkimSigner> signer) {
  const std::unique_lock lock(mutex_);
  signers_.put(std::move(signer));
}

void DkimKeyring::remove(std::string_view domain) {
  const std::unique_lock lock(mutex_);
  signers_.erase(domain);
}

std::shared_ptr<const DkimSigner> DkimKeyring::signer_for(std::string_view author_domain) const {
  const std::string top = mailauth::SuffixList::system().organizational_domain(author_domain);
  const std::shared_lock lock(mutex_);
  std::string_view name = author_domain;
  while (!name.empty()) {
    if (const auto* signer = signers_.find(name)) return *signer;
    const std::size_t dot = name.find('.');
    if (name.size() <= top.size() || dot == std::string_view::npos) return nullptr;
    name.remove_prefix(dot + 1);
  }
  return nullptr;
}

std::size_t DkimKeyring::size() const {
  const std::shared_lock lock(mutex_);
  return signers_.size();
}

}  // namespace postern::policy
