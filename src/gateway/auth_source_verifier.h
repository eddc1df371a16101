// What verifiers of `[[auth.source]]` have in common.
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

using Clock = std::chrono::steady_clock;

/// What of a name a source asks with.
struct AskedParts {
  bool local = true;
  bool domain = true;
};
AskedParts asked_parts(const AuthSource& source);

/// Puts its own step into the trace, with the source's name.
class SourceVerifier : public policy::Verifier {
 public:
  explicit SourceVerifier(const AuthSource& source)
      : source_(source), parts_(asked_parts(source)) {}
  std::string_view name() const final { return to_string(source_.kind); }
  bool serves(std::string_view mechanism) const override {
    return mechanism == "PLAIN" || mechanism == "LOGIN";
  }
  Task<policy::AuthAnswer> verify(const policy::AuthAttempt& attempt, policy::Evidence& evidence,
                                  policy::Gatherer& gatherer,
                                  std::vector<policy::Step>& steps) const final;
  std::vector<std::string> accounts_of(const std::string& authn_id) const final;

 protected:
  virtual Task<policy::AuthAnswer> ask(const policy::AuthAttempt& attempt,
                                       const policy::Evidence& evidence) const = 0;
  Clock::time_point deadline() const { return Clock::now() + source_.timeout; }
  /// Runs on a thread that may block, unless that comes too late.
  template <class F>
  Task<std::invoke_result_t<F>> on_thread(net::WorkPool& pool, net::Turn turn, F work) const;

  const AuthSource source_;

 private:
  const AskedParts parts_;
};

/// For whom a database is asked: clients take turns.
net::Turn turn_of(const policy::Evidence& evidence);

/// Stored passwords of names that somebody has, so that a name nobody has can cost what theirs do.
/// Thread-safe.
class StoredMix {
 public:
  StoredMix();
  void note(std::string_view name, std::shared_ptr<const policy::StoredPassword> stored);
  /// Always the same for a name while the mix is; before any was noted it is bcrypt's.
  std::shared_ptr<const policy::StoredPassword> for_stranger(std::string_view name) const;

 private:
  static constexpr std::size_t size = 64;
  static std::size_t place_of(std::string_view name);

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<const policy::StoredPassword>, size> noted_;
  const std::shared_ptr<const policy::StoredPassword> usual_;
};

/// A source that gives what is stored under a name; Postern compares.
class TableVerifier : public SourceVerifier {
 public:
  /// nullopt: nobody of that name.
  using Stored = Result<std::optional<policy::StoredPassword>>;

  TableVerifier(const AuthSource& source, const AuthWorkers& workers)
      : SourceVerifier(source), hashing_(workers.hashing), patience_(workers.patience) {}
  bool serves(std::string_view mechanism) const override;
  Task<Result<std::optional<policy::ScramKeys>>> scram_keys(std::string name,
                                                            std::string salt) const final;
  Task<void> spend(const policy::AuthAttempt& attempt, policy::Evidence& evidence) const override;
  std::uint32_t scram_iterations() const final {
    return static_cast<std::uint32_t>(source_.scram_iterations);
  }

 protected:
  virtual Task<Stored> stored(std::string name, net::Turn turn) const = 0;
  /// A name that somebody has, of a source that knows all of them.
  void note(const std::string& name, const policy::StoredPassword& stored) const {
    mix_.note(name, std::make_shared<const policy::StoredPassword>(stored));
  }
  Task<policy::AuthAnswer> ask(const policy::AuthAttempt& attempt,
                               const policy::Evidence& evidence) const override;

 private:
  std::shared_ptr<const policy::StoredPassword> noted(
      const std::string& name, const std::optional<policy::StoredPassword>& found) const;
  /// Whose hash it is waits for the turn of that name; strangers share one.
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

/// Of SQL queries: what stands for `:user`, `:local`, `:domain`, `:password`. nullopt: not one of
/// them.
std::optional<std::string> named_value(std::string_view name, const policy::AuthAttempt& attempt);
/// Whether a query asks with the value `name`.
bool has_name(const std::string& query, std::string_view name);
/// The query with each `:name` that stands neither in quotes nor in a comment replaced by what
/// `value` makes of it.
std::string with_names(std::string_view query,
                       const std::function<std::string(std::string_view name)>& value);

// One a kind: auth_source_*.cc.
using OpenedSource = Result<std::shared_ptr<const policy::Verifier>>;
OpenedSource open_users(const AuthSource& source, AuthWorkers workers);
OpenedSource open_sql(const AuthSource& source, AuthWorkers workers);
OpenedSource open_ldap(const AuthSource& source, AuthWorkers workers);
OpenedSource open_vault(const AuthSource& source, AuthWorkers workers);
OpenedSource open_dovecot(const AuthSource& source, AuthWorkers workers);
OpenedSource open_introspection(const AuthSource& source, AuthWorkers workers);

/// Whether all users can be read; without `files` those in the configuration alone.
Result<void> check_users(const AuthSource& source, AuthFiles files);
/// The first name in a query that nothing stands for; empty: there is none.
std::string unknown_name(const std::string& query);

/// The one line of a file, without its end.
Result<Secret> secret_in(const std::string& file);

/// A line of Dovecot's authentication protocol, taken apart.
struct DovecotReply {
  std::string command;  ///< "OK", "FAIL", "CONT"
  std::string id;
  std::vector<std::string> words;  ///< the rest, unescaped
  /// The value of `name=`.
  std::optional<std::string> value(std::string_view name) const;
  bool has(std::string_view word) const;
};
DovecotReply parse_dovecot_reply(std::string_view line);

}  // namespace postern::gateway
