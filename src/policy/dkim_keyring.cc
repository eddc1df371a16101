#include "policy/dkim_keyring.h"

#include "mailauth/names.h"

namespace postern::policy {

const Result<std::vector<DkimSigner::Key>>& DkimSigner::keys() const {
  std::call_once(once_, [this] {
    std::vector<Key> parsed;
    for (const Pem& one : pems_) {
      auto key = mailauth::dkim::SigningKey::from_pem(one.key);
      if (!key) {
        keys_ = fail(Fault::permanent, "DKIM key " + one.selector + "._domainkey." + domain_ +
                                           ": " + key.error().message);
        return;
      }
      parsed.push_back({one.selector, std::move(*key)});
    }
    keys_ = std::move(parsed);
  });
  return keys_;
}

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
