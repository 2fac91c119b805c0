'use strict';

const RATES = { eur: 1, usd: 1.1 };

/**
 * A shopping cart.
 */
class Cart {
  #items = [];

  constructor(currency = 'eur') {
    this.currency = currency;
  }

  get size() {
    return this.#items.length;
  }

  add(item, { quantity = 1, note } = {}) {
    if (!item || quantity <= 0) {
      throw new RangeError(`cannot add ${quantity} of ${item}`);
    }
    this.#items.push({ item, quantity, note });
    return this;
  }

  total() {
    return this.#items
      .map(({ item, quantity }) => item.price * quantity)
      .reduce((sum, price) => sum + price, 0) * RATES[this.currency];
  }

  *[Symbol.iterator]() {
    for (const { item } of this.#items) {
      yield item;
    }
  }

  static async load(url) {
    const response = await fetch(url);
    if (!response.ok) {
      return null;
    }
    return Object.assign(new Cart(), await response.json());
  }
}

// shows a price as people write it
export const format = (price, currency) => {
  const rounded = Math.round(price * 100) / 100;
  return `${rounded.toFixed(2)} ${currency.toUpperCase()}`;
};

export function receipt(cart) {
  return `
    Receipt
      ${cart.size} things
    Total: ${format(cart.total(), cart.currency)}
  `;
}

function debounce(callback, wait) {
  let timer;
  return function (...values) {
    clearTimeout(timer);
    timer = setTimeout(() => callback.apply(this, values), wait);
  };
}

module.exports = { Cart, debounce };
