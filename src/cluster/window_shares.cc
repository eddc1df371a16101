#include "cluster/window_shares.h"

#include <algorithm>
#include <tuple>

#include "base/sha256.h"
#include "cluster/counting.h"

namespace postern::cluster {
namespace {

namespace pg = net::pgsql;

/// The same on all gateways.
std::int64_t phase_of(const std::string& name, std::int64_t window) {
  const std::string digest = sha256(name);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 7; ++i) number = number << 8 | static_cast<unsigned char>(digest[i]);
  return static_cast<std::int64_t>(number % static_cast<std::uint64_t>(window));
}

}  // namespace

std::int64_t WindowShares::block_of(const State& state) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(state.most) / 50);
}

std::int64_t WindowShares::share_of(const State& state) {
  return cluster::share_of(static_cast<std::int64_t>(state.most), state.nodes);
}

/// What is not admitted by gateways of themselves.
std::int64_t WindowShares::stock_of(const State& state) {
  const auto most = static_cast<std::int64_t>(state.most);
  return state.most < exact_below ? most : most - state.nodes * (most / (10 * state.nodes));
}

WindowShares::State WindowShares::fresh(const Limit& limit, Time now, std::int64_t nodes) {
  State state{.most = limit.most,
              .window = limit.window,
              .nodes = std::max<std::int64_t>(1, nodes),
              .ends = end_of(limit, now)};
  if (limit.most >= exact_below) {
    state.credit = static_cast<std::int64_t>(limit.most) / (10 * state.nodes);
  }
  return state;
}

/// Others have drawn what there was. A limit that was changed since has another stock.
bool WindowShares::is_full(const std::string& name, const State& state) const {
  const auto found = full_.find(name);
  return found != full_.end() && found->second == std::pair(state.ends, stock_of(state));
}

void WindowShares::know(std::vector<Full> full) {
  full_.clear();
  for (Full& one : full) full_[name_of(one.kind, one.key)] = {one.ends, one.stock};
}

bool WindowShares::used_up(const Limit& limit, Time now, std::int64_t nodes) const {
  if (limit.most == 0) return false;
  const std::string name = name_of(limit.kind, limit.key);
  const auto found = states_.find(name);
  const bool is_now = found != states_.end() && found->second.most == limit.most &&
                      found->second.window == limit.window && now < found->second.ends &&
                      now >= found->second.ends - limit.window;
  const State state = is_now ? found->second : fresh(limit, now, nodes);
  return (state.empty || is_full(name, state)) && state.credit == 0 && state.grant == 0;
}

WindowShares::Time WindowShares::end_of(const Limit& limit, Time now) {
  const std::int64_t phase = phase_of(name_of(limit.kind, limit.key), limit.window);
  return now + limit.window - (now - phase) % limit.window;
}

void WindowShares::sweep(Time now) {
  std::erase_if(states_,
                [&](const auto& one) { return one.second.ends <= now && !one.second.queued; });
  if (states_.size() < max_keys_) return;
  // Those that have counted least lose least.
  std::vector<std::int64_t> used;
  for (const auto& [name, state] : states_) used.push_back(state.used);
  const auto middle = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 2);
  std::nth_element(used.begin(), middle, used.end());
  std::size_t left = states_.size() / 2;
  std::erase_if(states_, [&, most = *middle](const auto& one) {
    if (one.second.used > most || one.second.queued || left == 0) return false;
    --left;
    return true;
  });
}

/// The key's state in the window of this time. What was granted in another one is over.
WindowShares::State& WindowShares::state_of(const Limit& limit, Time now, std::int64_t nodes) {
  std::string name = name_of(limit.kind, limit.key);
  auto found = states_.find(name);
  if (found == states_.end()) {
    if (states_.size() >= max_keys_) sweep(now);
    found = states_.emplace(std::move(name), State()).first;
  }
  State& state = found->second;
  const bool same = state.most == limit.most && state.window == limit.window;
  if (same && now < state.ends && now >= state.ends - state.window) return state;
  // Events that nobody has asked for yet are of this window now.
  State next = fresh(limit, now, nodes);
  next.waiting = limit.most < exact_below ? state.waiting : 0;
  next.queued = state.queued;
  state = next;
  return state;
}

WindowShares::Verdict WindowShares::take(const Limit& limit, Time now, std::int64_t nodes,
                                         bool away) {
  State& state = state_of(limit, now, nodes);
  if (!full_.empty() && is_full(name_of(limit.kind, limit.key), state)) state.empty = true;
  const auto ask = [&] {
    if (state.queued) return;
    state.queued = true;
    asking_.push_back(name_of(limit.kind, limit.key));
  };
  const bool is_exact = limit.most < exact_below;
  if (is_exact && !away) {
    if (state.empty) return Verdict::no;
    ++state.waiting;
    ask();
    return Verdict::wait;
  }
  const std::int64_t block = block_of(state);
  bool good = false;
  if (away) {
    good = state.used < share_of(state);
  } else if (state.credit > 0) {
    --state.credit;
    good = true;
  } else if (state.grant > 0) {
    --state.grant;
    good = true;
  } else if (!state.empty && state.debt < block) {
    ++state.debt;
    good = true;
  }
  if (good) ++state.used;
  // While the database is away, somebody asks whether it is back.
  const bool needs = away || (state.credit == 0 && state.grant * 2 < block);
  if (!is_exact && needs && !state.asked && !state.empty) {
    state.asked = true;
    ask();
  }
  if (is_exact) ask();
  return good ? Verdict::yes : Verdict::no;
}

std::vector<WindowShares::Draw> WindowShares::due(std::size_t limit) {
  std::vector<Draw> draws;
  while (!asking_.empty() && draws.size() < limit) {
    const std::string name = std::move(asking_.back());
    asking_.pop_back();
    const auto found = states_.find(name);
    if (found == states_.end()) continue;
    State& state = found->second;
    state.queued = false;
    const bool is_exact = state.most < exact_below;
    const std::size_t end = name.find('\0');
    draws.push_back({.kind = name.substr(0, end),
                     .key = name.substr(end + 1),
                     .ends = state.ends,
                     .block = is_exact ? state.waiting : block_of(state),
                     .stock = stock_of(state),
                     .waiting = is_exact ? state.waiting : 0});
    state.waiting = 0;
  }
  // Two gateways that draw the same keys do not wait for each other.
  std::sort(draws.begin(), draws.end(), [](const Draw& a, const Draw& b) {
    return std::tie(a.kind, a.key) < std::tie(b.kind, b.key);
  });
  return draws;
}

void WindowShares::drawn(const Draw& draw, std::int64_t granted) {
  const auto found = states_.find(name_of(draw.kind, draw.key));
  if (found == states_.end() || found->second.ends != draw.ends) return;
  State& state = found->second;
  if (state.most < exact_below) {
    state.used += std::min(granted, draw.waiting);
    state.empty = state.empty || granted < draw.block;
    return;
  }
  state.asked = false;
  state.empty = granted == 0;
  const std::int64_t paid = std::min(granted, state.debt);
  state.debt -= paid;
  state.grant += granted - paid;
}

std::int64_t WindowShares::failed(const Draw& draw) {
  const auto found = states_.find(name_of(draw.kind, draw.key));
  if (found == states_.end() || found->second.ends != draw.ends) return draw.waiting;
  State& state = found->second;
  state.asked = false;
  const std::int64_t room = std::max<std::int64_t>(0, share_of(state) - state.used);
  const std::int64_t admitted = std::min(draw.waiting, room);
  state.used += admitted;
  return admitted;
}

net::PgsqlStatement full_statement(std::span<const std::string> kinds) {
  return {.sql =
              "SELECT kind, key, ends, stock FROM window_count WHERE is_full AND kind = ANY($1) "
              "AND ends > now() ORDER BY ends LIMIT 10000",
          .values = {pg::texts(kinds)}};
}

std::vector<WindowShares::Full> full_in(const net::PgsqlRows& rows) {
  std::vector<WindowShares::Full> full;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto ends = std::chrono::floor<std::chrono::milliseconds>(rows.time(row, 2));
    full.push_back({.kind = rows.text(row, 0),
                    .key = rows.text(row, 1),
                    .ends = ends.time_since_epoch().count(),
                    .stock = rows.integer(row, 3)});
  }
  return full;
}

net::PgsqlStatement draw_statement(std::span<const WindowShares::Draw> draws) {
  std::vector<std::string> kinds;
  std::vector<std::string_view> keys;
  std::vector<std::int64_t> blocks, stocks;
  std::vector<net::PgsqlTime> ends;
  for (const WindowShares::Draw& draw : draws) {
    kinds.push_back(draw.kind);
    keys.push_back(draw.key);
    blocks.push_back(draw.block);
    stocks.push_back(draw.stock);
    ends.emplace_back(std::chrono::milliseconds(draw.ends));
  }
  return {
      .sql =
          "INSERT INTO window_count AS w (kind, key, ends, n, last, block, stock) SELECT kind, "
          "key, ends, least(block, stock), least(block, stock), block, stock FROM unnest($1, $2, "
          "$3, $4, $5) AS d(kind, key, ends, block, stock) ON CONFLICT (kind, key) DO UPDATE SET "
          "ends = excluded.ends, n = CASE WHEN w.ends < excluded.ends THEN excluded.n ELSE "
          "least(w.n + excluded.block, excluded.stock) END, last = CASE WHEN w.ends < "
          "excluded.ends THEN excluded.last ELSE least(excluded.block, excluded.stock - w.n) END, "
          "block = excluded.block, stock = excluded.stock WHERE w.ends < excluded.ends OR (w.ends "
          "= excluded.ends AND w.n < excluded.stock) RETURNING kind, key, last",
      .values = {pg::texts(kinds), pg::blobs(keys), pg::times(ends), pg::integers(blocks),
                 pg::integers(stocks)}};
}

}  // namespace postern::cluster
