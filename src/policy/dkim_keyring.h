// The keys that sign outgoing mail, in memory, as the hot path asks for them.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/sign.h"
#include "policy/directory.h"

namespace postern::policy {

/// What signs for one domain: the newest key of each algorithm (RFC 8463 §3 wants both). Safe from
/// any thread.
class DkimSigner {
 public:
  struct Pem {
    std::string selector;
    Secret key;
  };
  struct Key {
    std::string selector;
    mailauth::dkim::SigningKey key;
  };

  /// `domain`: d=, lower case A-labels. `keys`: at least one.
  DkimSigner(std::string domain, std::string account_id, std::vector<Pem> keys)
      : domain_(std::move(domain)), account_id_(std::move(account_id)), pems_(std::move(keys)) {}

  const std::string& domain() const { return domain_; }
  const std::string& account_id() const { return account_id_; }
  /// The keys, parsed by whoever asks first: that takes 0.4 ms for each, which a start with all of
  /// them would take at once. An error names the selector.
  const Result<std::vector<Key>>& keys() const;

 private:
  std::string domain_;
  std::string account_id_;
  std::vector<Pem> pems_;
  mutable std::once_flag once_;
  mutable Result<std::vector<Key>> keys_;
};

/// Safe from any thread; an edit is visible to the next lookup when it returns.
class DkimKeyring {
 public:
  /// Replaces what signed for the domain.
  void put(std::shared_ptr<const DkimSigner> signer);
  void remove(std::string_view domain);

  /// Who signs for an author's domain (A-labels, lower case): the domain itself, else the nearest
  /// above it that has keys, not above its organizational domain (RFC 7489 §3.2), so that the
  /// signature is aligned. Null: nobody. Lookups are O(labels).
  std::shared_ptr<const DkimSigner> signer_for(std::string_view author_domain) const;
  std::size_t size() const;

 private:
  struct NameOf {
    std::string_view operator()(const std::shared_ptr<const DkimSigner>& signer) const {
      return signer->domain();
    }
  };

  mutable std::shared_mutex mutex_;
  PartedSet<std::shared_ptr<const DkimSigner>, NameOf> signers_;
};

}  // namespace postern::policy
