// Text arguments of C functions of scripts, and a text that such a function builds. The text is on
// the script's stack, so that the function can yield to other scripts before it is complete.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <lua.hpp>

namespace postern::script {

/// A function that scans a text calls pay() (spend.h) after this many octets.
inline constexpr std::size_t octets_at_once = 64u << 10;

/// Most results of one call, as of string.byte and table.unpack: each further call copies them.
inline constexpr int most_values = 100'000;

/// The string argument at `index`; raises an error of the script otherwise. Valid while it is on
/// the stack.
inline std::string_view text_argument(lua_State* L, int index) {
  std::size_t size = 0;
  const char* data = luaL_checklstring(L, index, &size);
  return {data, size};
}

/// A growing text in a userdata at `slot` of the stack. `Progress`: how far the function has come;
/// trivially copyable, because growing copies it and Lua frees it without a destructor. Functions
/// that append raise a Lua error when memory is used up. Not thread-safe, like `L`.
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
  /// Creates the text at `slot`, the first free index of the stack or one that holds nil, and
  /// removes what is above it. `expected`: its final size in octets, a hint.
  static LongText begin(lua_State* L, int slot, const Progress& progress, std::size_t expected) {
    lua_settop(L, slot);
    Head* head = room(L, expected);
    head->progress = progress;
    head->size = 0;
    lua_replace(L, slot);
    return LongText(L, slot);
  }
  /// The text that begin() created at `slot`.
  LongText(lua_State* L, int slot)
      : lua_(L), slot_(slot), head_(static_cast<Head*>(lua_touserdata(L, slot))) {}

  /// The progress. The reference is valid until the text grows.
  Progress& progress() { return head_->progress; }
  /// The size in octets.
  std::size_t size() const { return head_->size; }

  /// Appends `octets`, which must not lie in this text.
  void add(std::string_view octets) {
    std::memcpy(extend(octets.size()), octets.data(), octets.size());
  }
  /// Appends `count` octets for the caller to fill in; valid until the text grows.
  char* extend(std::size_t count) {
    if (head_->capacity - head_->size < count) grow(count);
    char* begin = head_->octets() + head_->size;
    head_->size += count;
    return begin;
  }
  /// Appends the string or number on top of the stack and pops it.
  void add_top() {
    std::size_t size = 0;
    const char* octets = lua_tolstring(lua_, -1, &size);
    add({octets, size});
    lua_pop(lua_, 1);
  }
  /// The text; valid until it grows.
  char* octets() { return head_->octets(); }
  /// Pushes the text as a Lua string.
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
