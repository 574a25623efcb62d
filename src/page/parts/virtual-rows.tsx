import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** Rows beyond the visible ones that are drawn, so that a fast scroll shows no gap. */
const SPARE = 12;

interface VirtualRowsProps<Row> {
  rows: readonly Row[];
  /** px, of every row alike. */
  height: number;
  label: string;
  header: ComponentChildren;
  columns: number;
  /** @param slot - a key: rows that come into sight take over what others leave. */
  draw: (row: Row, index: number, slot: number) => ComponentChildren;
}

/** A table of any length, of which only what is seen is drawn. */
export function VirtualRows<Row>({ rows, height, label, header, columns, draw }: VirtualRowsProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ first: 0, count: 60 });

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const update = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / height) - SPARE);
      const count = Math.ceil(element.clientHeight / height) + 2 * SPARE;
      // A few rows of scrolling change nothing that is drawn.
      setView((before) =>
        Math.abs(before.first - first) < SPARE / 2 && before.count === count && first !== 0 ? before : { first, count },
      );
    };
    update();
    element.addEventListener('scroll', update, { passive: true });
    const observer = new ResizeObserver(update);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', update);
      observer.disconnect();
    };
  }, [height]);

  const first = Math.min(view.first, Math.max(0, rows.length - view.count));
  const shown = rows.slice(first, first + view.count);
  return (
    <div
      class="rows"
      ref={box}
      tabIndex={0}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns}
    >
      <div class="row head" role="row" aria-rowindex={1}>
        {header}
      </div>
      <div class="space" role="rowgroup" style={{ height: `${rows.length * height}px` }}>
        <div class="window" role="presentation" style={{ transform: `translateY(${first * height}px)` }}>
          {shown.map((row, index) => draw(row, first + index, (first + index) % view.count))}
        </div>
      </div>
    </div>
  );
}
