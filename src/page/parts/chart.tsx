import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Course } from '../model/course.js';
import { useSpeech } from '../text/language.js';

/** Something that happened at a moment. */
export interface Mark {
  /** ms since the epoch. */
  at: number;
  text: string;
}

interface ChartProps {
  title: string;
  course: Course;
  /** The end of the axis, in the unit of the course. */
  full: number;
  thresholds: readonly { value: number; text: string }[];
  marks: readonly Mark[];
  write: (value: number) => string;
  /** Changes when the colours do. */
  theme: string;
}

const HEIGHT = 150;

/** Six hours of a reading, with thresholds across and moves upright. */
export function Chart({ title, course, full, thresholds, marks, write, theme }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const { when, language } = useSpeech();

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    const overlay = (plot: uPlot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.lineWidth = devicePixelRatio;
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textBaseline = 'alphabetic';
      ctx.strokeStyle = ctx.fillStyle = colour('--over');
      thresholds.forEach(({ value, text }, index) => {
        const y = Math.round(plot.valToPos(value, 'y', true));
        ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
        line(ctx, bbox.left, y, bbox.left + bbox.width, y);
        const below = y < bbox.top + 16 * devicePixelRatio;
        // Names of thresholds that lie close together stand at both ends.
        const isLeft = index % 2 === 0;
        ctx.textAlign = isLeft ? 'left' : 'right';
        const x = isLeft ? bbox.left + 5 * devicePixelRatio : bbox.left + bbox.width - 5 * devicePixelRatio;
        ctx.fillText(text, x, y + (below ? 13 : -4) * devicePixelRatio);
      });
      ctx.strokeStyle = ctx.fillStyle = colour('--accent');
      ctx.setLineDash([]);
      for (const { at } of marks) {
        const x = Math.round(plot.valToPos(at / 1000, 'x', true));
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        line(ctx, x, bbox.top, x, bbox.top + bbox.height);
        ctx.beginPath();
        ctx.arc(x, bbox.top + 4 * devicePixelRatio, 3 * devicePixelRatio, 0, 7);
        ctx.fill();
      }
      ctx.restore();
    };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 } },
        scales: { x: { time: true }, y: { range: [0, full] } },
        series: [{}, { stroke: colour('--load'), width: 1.5, fill: colour('--load-soft'), points: { show: false } }],
        axes: [
          { ...axis, size: 26, values: (_plot, ticks) => ticks.map((tick) => when(tick * 1000)) },
          {
            ...axis,
            size: 58,
            values: (_plot, ticks) => ticks.map(write),
            splits: () => [0, full / 4, full / 2, (full * 3) / 4, full],
          },
        ],
        hooks: {
          draw: [overlay],
          setCursor: [
            ({ cursor: { idx } }) => {
              const point = typeof idx === 'number' ? course[idx] : undefined;
              element.dataset.at = point ? `${when(point[0])}  ${write(point[1])}` : '';
            },
          ],
        },
      },
      [course.map(([at]) => at / 1000), course.map(([, value]) => value)],
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [course, full, JSON.stringify(thresholds), JSON.stringify(marks), theme, language]);

  const last = course.at(-1);
  return (
    <figure class="chart">
      <figcaption>
        {title} {last && <span class="number soft">{write(last[1])}</span>}
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}: ${last ? write(last[1]) : ''}`} />
      {marks.length > 0 && (
        <ul class="marks">
          {marks.map(({ at, text }) => (
            <li key={`${at} ${text}`}>
              <time>{when(at)}</time> {text}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

function line(ctx: CanvasRenderingContext2D, fromX: number, fromY: number, toX: number, toY: number): void {
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}
