// The common parts of the verifiers of `[[auth.source]]`.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "gateway/auth_source.h"
#include "net/work_pool.h"
#include "policy/stored_password.h"
#include "policy/verifier.h"
#include "script/world.h"

namespace postern::gateway {

/// The clock of look-up deadlines.
using Clock = std::chrono::steady_clock;

/// Which parts of a user name a source looks up.
struct AskedParts {
  bool local = true;   ///< before the last '@'
  bool domain = true;  ///< after the last '@'
};
/// Derived from the source's query or templates; both if they name neither part.
AskedParts asked_parts(const AuthSource& source);

/// A verifier that adds one step to the trace, labelled with the source's name. Thread-safe, as
/// every policy::Verifier. What ask() throws becomes AuthAnswer::Kind::unavailable.
class SourceVerifier : public policy::Verifier {
 public:
  /// Keeps a copy of `source`.
  explicit SourceVerifier(const AuthSource& source)
      : source_(source), parts_(asked_parts(source)) {}
  /// The kind's word.
  std::string_view name() const final { return to_string(source_.kind); }
  /// PLAIN (RFC 4616 §2) and LOGIN; derived classes may add others.
  bool serves(std::string_view mechanism) const override {
    return mechanism == "PLAIN" || mechanism == "LOGIN";
  }
  /// Calls ask().
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Inquiry& inquiry,
                                  std::vector<policy::Step>& steps) const final;
  /// One account: the parts of the name that the source looks up.
  std::vector<std::string> accounts_of(const std::string& authn_id) const final;

 protected:
  /// Asks the source. Called on event loops: it must not block.
  virtual Task<policy::AuthAnswer> ask(const policy::AuthAttempt& attempt,
                                       const policy::Evidence& evidence) const = 0;
  /// When a look-up that begins now must end.
  Clock::time_point deadline() const { return Clock::now() + source_.timeout; }
  /// Runs `work` on a thread of `pool`. Fault::temporary if no thread is free within the source's
  /// timeout.
  template <class F>
  Task<std::invoke_result_t<F>> on_thread(net::WorkPool& pool, net::Turn turn, F work) const;

  const AuthSource source_;

 private:
  const AskedParts parts_;
};

/// Turns in a work pool by client address and network, so that one does not delay others.
net::Turn turn_of(const policy::Evidence& evidence);

/// A sample of stored passwords of known names, so that a look-up of an unknown name costs as much
/// time as one of a known name. Thread-safe.
class StoredMix {
 public:
  /// An empty sample.
  StoredMix();
  /// Adds a known name's stored password; it may replace another one.
  void note(std::string_view name, std::shared_ptr<const policy::StoredPassword> stored);
  /// The stored password to compare with for an unknown name: always the same for a name while the
  /// sample does not change; a bcrypt hash while the sample is empty. Never null.
  std::shared_ptr<const policy::StoredPassword> for_stranger(std::string_view name) const;

 private:
  static constexpr std::size_t size = 64;
  static std::size_t place_of(std::string_view name);

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<const policy::StoredPassword>, size> noted_;
  const std::shared_ptr<const policy::StoredPassword> usual_;
};

/// A source that returns the stored password of a name; Postern compares it.
class TableVerifier : public SourceVerifier {
 public:
  /// nullopt: the name is unknown.
  using Stored = Result<std::optional<policy::StoredPassword>>;

  /// `workers.hashing` outlives the verifier.
  TableVerifier(const AuthSource& source, const AuthWorkers& workers)
      : SourceVerifier(source), hashing_(workers.hashing), patience_(workers.patience) {}
  /// Also SCRAM-SHA-256 if the source offers it.
  bool serves(std::string_view mechanism) const override;
  /// nullopt: unknown name, or no keys can be made of the stored password.
  Task<Result<std::optional<policy::ScramKeys>>> scram_keys(std::string name,
                                                            std::string salt) const final;
  /// Takes as long as ask().
  Task<void> spend(const policy::AuthAttempt& attempt,
                   const policy::Evidence& evidence) const override;
  /// AuthSource::scram_iterations.
  std::uint32_t scram_iterations() const final {
    return static_cast<std::uint32_t>(source_.scram_iterations);
  }

 protected:
  /// The stored password of a name after SASLprep. `turn`: the client's turn in a work pool.
  virtual Task<Stored> stored(std::string name, net::Turn turn) const = 0;
  /// Adds a known name to the sample, for a source that knows all of its names.
  void note(const std::string& name, const policy::StoredPassword& stored) const {
    mix_.note(name, std::make_shared<const policy::StoredPassword>(stored));
  }
  Task<policy::AuthAnswer> ask(const policy::AuthAttempt& attempt,
                               const policy::Evidence& evidence) const override;

 private:
  std::shared_ptr<const policy::StoredPassword> noted(
      const std::string& name, const std::optional<policy::StoredPassword>& found) const;
  /// A known name's hash has its own turn in the pool; all unknown names share one.
  net::Turn hashing_turn(const std::string& name, bool known, std::string client) const;

  net::WorkPool& hashing_;
  const std::chrono::milliseconds patience_;
  mutable StoredMix mix_;
};

template <class F>
Task<std::invoke_result_t<F>> SourceVerifier::on_thread(net::WorkPool& pool, net::Turn turn,
                                                        F work) const {
  using R = std::invoke_result_t<F>;
  auto job = [work = std::move(work), until = deadline()]() -> R {
    if (Clock::now() >= until) return fail(Fault::temporary, "no thread in time");
    return work();
  };
  turn.patience = source_.timeout;
  Result<R> done = co_await pool.run(std::move(turn), std::move(job));
  if (!done) co_return tl::unexpected<Error>(done.error());
  co_return std::move(*done);
}

/// The value that replaces `:user`, `:local`, `:domain` or `:password` in SQL queries. nullopt:
/// another name.
std::optional<std::string> named_value(std::string_view name, const policy::AuthAttempt& attempt);
/// Whether a query contains `:name` outside quotes and comments.
bool has_name(const std::string& query, std::string_view name);
/// The query with each `:name` outside quotes and comments replaced by the result of `value`.
std::string with_names(std::string_view query,
                       const std::function<std::string(std::string_view name)>& value);

// The makers of verifiers by kind, in auth_source_*.cc. They block on files; errors as
// open_auth_source().
/// Never null without an error.
using OpenedSource = Result<std::shared_ptr<const policy::Verifier>>;
/// Kinds "static" and "htpasswd".
OpenedSource open_users(const AuthSource& source, AuthWorkers workers);
/// Kinds "sqlite" and "postgresql".
OpenedSource open_sql(const AuthSource& source, AuthWorkers workers);
/// Kind "ldap".
OpenedSource open_ldap(const AuthSource& source, AuthWorkers workers);
/// Kind "vault".
OpenedSource open_vault(const AuthSource& source, AuthWorkers workers);
/// Kind "dovecot".
OpenedSource open_dovecot(const AuthSource& source, AuthWorkers workers);
/// Kind "introspection".
OpenedSource open_introspection(const AuthSource& source, AuthWorkers workers);

/// Checks that every user entry is valid; with AuthFiles::none only those in the configuration.
/// Errors name the entry.
Result<void> check_users(const AuthSource& source, AuthFiles files);
/// The first `:name` in a query that named_value() does not know; empty: none.
std::string unknown_name(const std::string& query);

/// The first line of a file without trailing white space. Fault::permanent if it cannot be read,
/// Fault::malformed if it is empty.
Result<Secret> secret_in(const std::string& file);

/// A parsed line of Dovecot's authentication protocol.
struct DovecotReply {
  std::string command;             ///< "OK", "FAIL", "CONT"
  std::string id;                  ///< of the request
  std::vector<std::string> words;  ///< the parameters, unescaped
  /// The value of the parameter `name=`.
  std::optional<std::string> value(std::string_view name) const;
  /// Whether the parameter `word` is present.
  bool has(std::string_view word) const;
};
/// Parses a line without its line end; missing parts are empty.
DovecotReply parse_dovecot_reply(std::string_view line);

}  // namespace postern::gateway
