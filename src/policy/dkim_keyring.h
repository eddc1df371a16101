// The DKIM keys for outgoing mail in memory, indexed for the hot path.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/sign.h"
#include "policy/parted_set.h"

namespace postern::policy {

/// The keys of one signing domain: the newest key of each algorithm (RFC 8463 §3 recommends both).
/// Thread-safe.
class DkimSigner {
 public:
  /// A key as stored.
  struct Pem {
    std::string selector;  ///< s=
    Secret key;            ///< PEM
  };
  /// A parsed key.
  struct Key {
    std::string selector;            ///< s=
    mailauth::dkim::SigningKey key;  ///< ready to sign
  };

  /// `domain`: d=, A-labels in lower case. `keys`: at least one.
  DkimSigner(std::string domain, std::string account_id, std::vector<Pem> keys)
      : domain_(std::move(domain)), account_id_(std::move(account_id)), pems_(std::move(keys)) {}

  /// d=
  const std::string& domain() const { return domain_; }
  /// Owner of the domain.
  const std::string& account_id() const { return account_id_; }
  /// The keys. The first call parses them, 0.4 ms each, which spares the start parsing all of them.
  /// The error names the selector.
  const Result<std::vector<Key>>& keys() const;

 private:
  std::string domain_;
  std::string account_id_;
  std::vector<Pem> pems_;
  mutable std::once_flag once_;
  mutable Result<std::vector<Key>> keys_;
};

/// All signing domains. Thread-safe; an edit is visible to lookups that start after it returns.
class DkimKeyring {
 public:
  /// Adds the signer; replaces that of the same domain.
  void put(std::shared_ptr<const DkimSigner> signer);
  /// Does nothing if the domain has no signer.
  void remove(std::string_view domain);

  /// The signer for an author's domain (A-labels, lower case): that of the domain itself, else of
  /// the nearest parent domain that has keys, up to the organizational domain (RFC 7489 §3.2), so
  /// that the signature is aligned. Null if there is none. O(labels).
  std::shared_ptr<const DkimSigner> signer_for(std::string_view author_domain) const;
  /// Number of signing domains.
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
