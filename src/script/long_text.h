// Texts as functions of Lua's take them, and one in the making that such a function keeps on the
// script's stack while others run.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <lua.hpp>

namespace postern::script {

/// What looks at a text as a whole pays after this many octets.
inline constexpr std::size_t octets_at_once = 64u << 10;

inline std::string_view text_argument(lua_State* L, int index) {
  std::size_t size = 0;
  const char* data = luaL_checklstring(L, index, &size);
  return {data, size};
}

/// `Progress`: how far the function has come; trivial, for Lua moves and frees it. The value at
/// `slot` of the stack, where it stays.
template <class Progress>
class LongText {
  static_assert(std::is_trivially_copyable_v<Progress>);
  struct Head {
    Progress progress;
    std::size_t size;
    std::size_t capacity;
    char* octets() { return reinterpret_cast<char*>(this + 1); }
  };

 public:
  /// Puts a new one there; nil was there, or nothing.
  static LongText begin(lua_State* L, int slot, const Progress& progress, std::size_t expected) {
    lua_settop(L, slot);
    Head* head = room(L, expected);
    head->progress = progress;
    head->size = 0;
    lua_replace(L, slot);
    return LongText(L, slot);
  }
  /// The one that is there.
  LongText(lua_State* L, int slot)
      : lua_(L), slot_(slot), head_(static_cast<Head*>(lua_touserdata(L, slot))) {}

  Progress& progress() { return head_->progress; }
  std::size_t size() const { return head_->size; }

  /// `octets` may lie anywhere but in this text.
  void add(std::string_view octets) {
    std::memcpy(extend(octets.size()), octets.data(), octets.size());
  }
  /// So many octets more, for the caller to fill in.
  char* extend(std::size_t count) {
    if (head_->capacity - head_->size < count) grow(count);
    char* begin = head_->octets() + head_->size;
    head_->size += count;
    return begin;
  }
  /// Adds the string or number on top of the stack, which is popped.
  void add_top() {
    std::size_t size = 0;
    const char* octets = lua_tolstring(lua_, -1, &size);
    add({octets, size});
    lua_pop(lua_, 1);
  }
  char* octets() { return head_->octets(); }
  void push() { lua_pushlstring(lua_, head_->octets(), head_->size); }

 private:
  static Head* room(lua_State* L, std::size_t capacity) {
    constexpr std::size_t least = 256;
    capacity = std::max(capacity, least);
    Head* head = static_cast<Head*>(lua_newuserdatauv(L, sizeof(Head) + capacity, 0));
    head->capacity = capacity;
    return head;
  }
  void grow(std::size_t count) {
    const Head* old = head_;
    Head* made = room(lua_, std::max(2 * old->capacity, old->size + count));
    made->progress = old->progress;
    made->size = old->size;
    std::memcpy(made->octets(), const_cast<Head*>(old)->octets(), old->size);
    lua_replace(lua_, slot_);
    head_ = made;
  }

  lua_State* lua_;
  int slot_;
  Head* head_;
};

}  // namespace postern::script
