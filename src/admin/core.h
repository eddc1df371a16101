// What all endpoints share: the database off the loop, limits, keys, audit entries.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <variant>

#include <boost/json/value.hpp>

#include "admin/access_token.h"
#include "admin/access_watch.h"
#include "admin/account_shares.h"
#include "admin/api.h"
#include "admin/call.h"
#include "admin/refusal.h"
#include "admin/sign_in_log.h"
#include "admin/time_text.h"
#include "base/known_clients.h"
#include "base/window_counter.h"
#include "dialect/webhook/body_reader.h"

namespace postern::admin {

/// Whose turn a call's work waits for: its account's, and among its clients its own. Callers
/// without an account share one.
net::Turn turn_of(const Call& call);
/// The gateway's own, beside its callers'.
net::Turn own_turn();

/// What a window counts to: `events`, or no end where Options::rate_limits is off.
std::uint32_t rate_of(const Options& options, std::uint32_t events);

class Core {
 public:
  Core(const Dependencies& dependencies, const Options& options, TokenKeys token_keys,
       Secret csrf_key);

  /// Runs `work`, one password's hash or as much, which returns a Result and owns what it uses, on
  /// the hashing pool. nullopt: it did not run, because the pool is full or the turn did not come
  /// within Options::hashing_patience.
  template <class F>
  auto hash(net::Turn turn, F work) -> Task<std::optional<std::invoke_result_t<F>>>;
  /// Runs `work`, which returns a Result and owns what it uses, on the disk pool in its turn.
  /// Throws the Refusal that its Error amounts to.
  template <class F>
  auto disk(net::Turn turn, F work) -> Task<typename std::invoke_result_t<F>::value_type>;
  template <class F>
  auto disk(const Call& call, F work) {
    return disk(turn_of(call), std::move(work));
  }

  store::AuditRow audit(const Call& call, std::string action,
                        const boost::json::object& details = {}) const;

  /// Counts an attempt to guess a password, before it is judged; throws 429 when there were too
  /// many.
  void count_guess(const std::string& key);
  void guess_was_right(const std::string& key);
  /// The same for a sign-in, by the caller's address and by the account that is tried, so that many
  /// addresses together may not guess at one account either. Addresses that have signed in to it
  /// lately count by themselves alone: others' guesses do not lock them out.
  enum class CountedBy { address, address_and_account };
  [[nodiscard]] CountedBy count_sign_in(const Call& call, const std::string& email);
  /// Takes back what count_sign_in() said that it has counted.
  void sign_in_was_no_guess(const Call& call, const std::string& email, CountedBy counted);
  /// The same, and the address is known from now on.
  void sign_in_was_right(const Call& call, const std::string& email, CountedBy counted);

  /// Forgets what deliveries left of deleted webhooks, their attachment files too. Blocks.
  Result<void> forget_deliveries(std::span<const std::string> webhooks) const;

  TokenKeys keys() const;
  void set_keys(TokenKeys keys);
  /// What a browser session must send back with every write.
  std::string csrf_token(std::string_view session_id) const;

  Dependencies deps;
  Options options;
  Passwords passwords;
  WindowCounter guesses;          ///< failed sign-ins by address, wrong confirmations by account
  WindowCounter account_guesses;  ///< failed sign-ins by the account tried, from anywhere
  KnownClients<std::monostate> known_clients{std::chrono::days(7)};
  WindowCounter signups;          ///< by address
  WindowCounter anonymous_calls;  ///< by address
  WindowCounter account_calls;    ///< by account
  /// The gateway stops: nobody waits here for something to happen, and no long work begins.
  std::atomic<bool> stopping{false};
  AccountShares shares;
  SignInLog sign_ins;
  /// The store tells it (Store::on_access_change), also when this has gone.
  const std::shared_ptr<AccessChanges> access = std::make_shared<AccessChanges>();

 private:
  mutable std::mutex mutex_;
  TokenKeys keys_;
  Secret csrf_key_;
};

/// The server cannot do it now: 503.
Refusal unavailable(std::string sentence);
/// In front of work that takes long. Throws 503 while the gateway stops.
void refuse_while_stopping(const Core& core);
/// A password pool that is full.
Refusal busy();

template <class F>
auto Core::hash(net::Turn turn, F work) -> Task<std::optional<std::invoke_result_t<F>>> {
  turn.patience = options.hashing_patience;
  auto ran = co_await deps.hashing.run(std::move(turn), std::move(work));
  if (!ran) co_return std::nullopt;
  co_return std::move(*ran);
}

template <class F>
auto Core::disk(net::Turn turn, F work) -> Task<typename std::invoke_result_t<F>::value_type> {
  using R = std::invoke_result_t<F>;
  Result<R> ran = co_await deps.disk.run(std::move(turn), std::move(work));
  if (!ran) throw busy();
  if (!*ran) throw storage_trouble(ran->error());
  if constexpr (!std::is_void_v<typename R::value_type>) co_return std::move(**ran);
}

net::HttpResponse json_response(int status, const boost::json::object& body);
net::HttpResponse no_content();

/// Throws 400 or 422 when the reader has found something.
void check(dialect::webhook::BodyReader& body);
[[noreturn]] void refuse(const dialect::webhook::FieldErrors& errors);
/// A member that must be there; throws 400 missing_field, 422 when it is no text.
std::string required_text(dialect::webhook::BodyReader& body, std::string_view name);

/// ?page and ?page_size; throws 422.
struct PageQuery {
  std::uint64_t page = 1;
  std::uint64_t page_size = 20;
  store::Page as_page() const { return {(page - 1) * page_size, page_size}; }
};
PageQuery page_of(const Call& call);
/// 200 with a page of a list: `total` is over all pages.
net::HttpResponse paged(boost::json::array data, const PageQuery& query, std::uint64_t total);
/// ?cursor, ?limit and ?q; nullopt when none of them is given: pages are counted then. Throws 422.
std::optional<store::Keyset> keyset_of(const Call& call);
/// 200 with a piece of a list and where it goes on.
net::HttpResponse sliced(boost::json::array data, std::uint64_t next);
/// A query parameter that is a whole number of this range; throws 422.
std::optional<std::uint64_t> number_parameter(const Call& call, std::string_view name,
                                              std::uint64_t least, std::uint64_t most);
std::optional<bool> boolean_parameter(const Call& call, std::string_view name);

/// RFC 9110 §13.1.1: false when If-Match is given and names another version.
bool version_matches(const Call& call, std::uint64_t version);
std::string etag(std::uint64_t version);

}  // namespace postern::admin
