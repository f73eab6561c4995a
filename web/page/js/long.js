// What a long conversation needs: stretches out of sight rest, and the day is shown while the user scrolls.

import { floatingDay } from './floating-day.js';
import { resting } from './resting.js';

/** @param {HTMLElement} log the messages @param {HTMLElement} stage where the day floats above them */
export function long(log, stage) {
  const { element, ...day } = floatingDay(log);
  stage.append(element);
  return { ...day, rest: resting(log) };
}
