import type { ComponentChildren } from 'preact';
import type { Place } from '../model/place.js';
import { addressOf, go } from '../model/place.js';

interface LinkProps {
  to: Place;
  class?: string;
  title?: string;
  /** This is where one is. */
  isCurrent?: boolean;
  children: ComponentChildren;
}

/** A link within the page: it can be opened in another tab, and needs no loading in this one. */
export function Link({ to, children, class: className, title, isCurrent }: LinkProps) {
  return (
    <a
      href={addressOf(to)}
      class={className}
      title={title}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
