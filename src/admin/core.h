// What all endpoints share: pools, limits, keys, audit entries.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
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
#include "admin/call.h"
#include "admin/dependencies.h"
#include "admin/refusal.h"
#include "admin/sign_in_log.h"
#include "admin/time_text.h"
#include "admin/tries.h"
#include "base/known_clients.h"
#include "base/subscriber_counter.h"
#include "base/window_counter.h"
#include "dialect/webhook/body_reader.h"
#include "net/http_message.h"
#include "net/work_pool.h"
#include "store/records.h"

namespace postern::admin {

/// Who pays for a call's work in the pools: the caller's account, and within it the client address.
/// Callers without an account share one turn.
net::Turn turn_of(const Call& call);
/// A copy for another thread: without what belongs to the connection's event loop.
Call off_loop(const Call& call);
/// The turn of the gateway's own work.
net::Turn own_turn();

/// The limit of a window: `events`, or unlimited if Options::rate_limits is off.
std::uint32_t rate_of(const Options& options, std::uint32_t events);

/// The shared state. Methods may be called on any event loop, unless noted.
class Core {
 public:
  /// Dependencies must outlive this.
  Core(const Dependencies& dependencies, const Options& options, TokenKeys token_keys,
       Secret csrf_key);

  /// Runs `work` on the hashing pool. It does one password hash or similar work, returns a Result
  /// and owns what it uses. nullopt: it did not run, because the pool is full or it waited longer
  /// than Options::hashing_patience.
  template <class F>
  auto hash(net::Turn turn, F work) -> Task<std::optional<std::invoke_result_t<F>>>;
  /// Runs `work` on the disk pool, and returns what it returns; a Result is unwrapped. It owns what
  /// it uses. Rethrows what it throws; throws an Error as a Refusal, and 503 if the pool is full.
  template <class F>
  auto disk(net::Turn turn, F work) -> Task<typename Unwrapped<std::invoke_result_t<F>>::type>;
  /// The same in the caller's turn. `work` may take a `const Call&`: a copy of the call.
  template <class F>
  auto disk(const Call& call, F work) {
    if constexpr (std::is_invocable_v<F, const Call&>) {
      // A thread may still run the work when the frame of the waiting coroutine is gone.
      return disk(turn_of(call),
                  [work = std::move(work), own = off_loop(call)] { return work(own); });
    } else {
      return disk(turn_of(call), std::move(work));
    }
  }
  /// A body that `read` gives in pieces; an empty piece ends it. `read` runs on the disk pool in
  /// the caller's turn, and owns what it uses. `size`: of the body in octets; nullopt: unknown.
  net::HttpResponse::Stream stream(const Call& call, std::optional<std::uint64_t> size,
                                   std::function<Result<std::string>()> read) const;

  /// An audit entry for a change by the caller. `details` must not contain secrets.
  store::AuditRow audit(const Call& call, std::string action,
                        const boost::json::object& details = {}) const;

  /// Counts an attempt to guess what confirms an account, before it is judged. Throws 429 after too
  /// many. It may wait for the database.
  void count_guess(const std::string& key);
  /// Takes back one count.
  void guess_was_right(const std::string& key);
  /// The same for guesses of the call's client at what is not known to be of an account; `counter`
  /// is one of this object.
  void count_guess(ClientTries& counter, const Call& call,
                   SubscriberCounter::Against against = both);
  /// Takes back one count.
  void guess_was_right(ClientTries& counter, const Call& call,
                       SubscriberCounter::Against against = both);
  /// Counts a sign-in by client address and by account, so that many addresses together cannot
  /// guess one account's password either. An address that recently signed in to the account counts
  /// only by itself, not with its network either, so others' guesses do not lock it out.
  /// What count_sign_in() has counted.
  enum class CountedBy { address, address_and_account };
  /// Throws 429 after too many. It may wait for the database.
  [[nodiscard]] CountedBy count_sign_in(const Call& call, const std::string& email);
  /// Takes back what count_sign_in() counted.
  void sign_in_was_no_guess(const Call& call, const std::string& email, CountedBy counted);
  /// The same, and remembers the address for this account.
  void sign_in_was_right(const Call& call, const std::string& email, CountedBy counted);

  /// Deletes the log records, inboxes and attachment files of deleted webhooks. Blocks on the disk.
  Result<void> forget_deliveries(std::span<const std::string> webhooks) const;

  /// A copy of the current keys. Safe from any thread.
  TokenKeys keys() const;
  /// Replaces the keys. Safe from any thread.
  void set_keys(TokenKeys keys);
  /// What a browser must send with each write of this session.
  std::string csrf_token(std::string_view session_id) const;

  /// A try counts against its client and its network.
  static constexpr auto both = SubscriberCounter::Against::client_and_network;

  Dependencies deps;            ///< as given
  Options options;              ///< as given
  Passwords passwords;          ///< hashes passwords
  Tries guesses;                ///< wrong confirmations by account
  ClientTries sign_in_guesses;  ///< failed sign-ins by address and network
  ClientTries link_guesses;     ///< unknown links by address and network
  Tries account_guesses;        ///< failed sign-ins by the account tried, from anywhere
  /// Clients that signed in recently, by account.
  KnownClients<std::monostate> known_clients{std::chrono::days(7)};
  ClientTries signups;                   ///< by address and network
  const std::uint32_t calls_of_client;   ///< calls in a minute without an account
  const std::uint32_t calls_of_account;  ///< the same of an account
  SubscriberCounter anonymous_calls;     ///< by address and network
  WindowCounter account_calls;           ///< by account
  /// The gateway is stopping: requests must not wait for something to happen, nor begin long work.
  std::atomic<bool> stopping{false};
  AccountShares shares;  ///< concurrent requests per account
  SignInLog sign_ins;    ///< sign-ins for the audit log
  /// Shared with the store, which may call it after this is destroyed (Store::on_access_change()).
  const std::shared_ptr<AccessChanges> access = std::make_shared<AccessChanges>();

 private:
  mutable std::mutex mutex_;
  TokenKeys keys_;
  Secret csrf_key_;
};

/// 503 with `sentence`.
Refusal unavailable(std::string sentence);
/// Throws 503 if the gateway is stopping. Call it before long work.
void refuse_while_stopping(const Core& core);
/// 503: a pool is full.
Refusal busy();

template <class F>
auto Core::hash(net::Turn turn, F work) -> Task<std::optional<std::invoke_result_t<F>>> {
  turn.patience = options.hashing_patience;
  auto ran = co_await deps.hashing.run(std::move(turn), std::move(work));
  if (!ran) co_return std::nullopt;
  co_return std::move(*ran);
}

template <class F>
auto Core::disk(net::Turn turn, F work) -> Task<typename Unwrapped<std::invoke_result_t<F>>::type> {
  using R = std::invoke_result_t<F>;
  Result<R> ran = co_await deps.disk.run(std::move(turn), std::move(work));
  if (!ran) throw busy();
  if constexpr (std::is_same_v<R, typename Unwrapped<R>::type>) {
    co_return std::move(*ran);
  } else {
    co_return unwrap(std::move(*ran));
  }
}

/// A JSON response. The body is safe to show in a browser.
net::HttpResponse json_response(int status, const boost::json::object& body);
/// 204.
net::HttpResponse no_content();

/// Throws 400 or 422 if the reader found errors.
void check(dialect::webhook::BodyReader& body);
/// Throws these errors as 400 or 422.
[[noreturn]] void refuse(const dialect::webhook::FieldErrors& errors);
/// A required text member. Throws 400 missing_field, or 422 if it is not text.
std::string required_text(dialect::webhook::BodyReader& body, std::string_view name);

/// The query parameters `page` and `page_size`.
struct PageQuery {
  std::uint64_t page = 1;        ///< from 1
  std::uint64_t page_size = 20;  ///< 1 to 200
  /// The rows to select.
  store::Page as_page() const { return {(page - 1) * page_size, page_size}; }
};
/// Reads a PageQuery. Throws 422.
PageQuery page_of(const Call& call);
/// 200 with a page of a list; `total` counts all pages.
net::HttpResponse paged(boost::json::array data, const PageQuery& query, std::uint64_t total);
/// Reads ?cursor, ?limit and ?q. nullopt if none is given: the client uses pages. Throws 422.
std::optional<store::Keyset> keyset_of(const Call& call);
/// 200 with a slice of a list and the cursor of the next one.
net::HttpResponse sliced(boost::json::array data, std::uint64_t next);
/// A query parameter that is an integer from `least` to `most`; nullopt: not given. Throws 422.
std::optional<std::uint64_t> number_parameter(const Call& call, std::string_view name,
                                              std::uint64_t least, std::uint64_t most);
/// A query parameter "true" or "false"; nullopt: not given. Throws 422.
std::optional<bool> boolean_parameter(const Call& call, std::string_view name);

/// Whether If-Match (RFC 9110 §13.1.1) is absent or names this version.
bool version_matches(const Call& call, std::uint64_t version);
/// The entity tag of a version (RFC 9110 §8.8.3).
std::string etag(std::uint64_t version);

}  // namespace postern::admin
