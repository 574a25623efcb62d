import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { renderTable } from '../../src/cli/table.js';
import { written } from '../../src/cli/terminal.js';

const plain = { colour: false };
const lines = (table: string) => table.split('\n').slice(0, -1);

it('has borders, a head, and numbers to the right', () => {
  expect(
    renderTable(
      ['id', 'name'],
      [
        [1, 'a15'],
        [12, undefined],
      ],
      plain,
    ),
  ).toBe(
    [
      '+----+------+', //
      '| id | name |',
      '+----+------+',
      '|  1 | a15  |',
      '| 12 |      |',
      '+----+------+',
      '',
    ].join('\n'),
  );
});

it('is a head alone where there are no rows', () => {
  expect(renderTable(['id'], [], plain)).toBe('+----+\n| id |\n+----+\n');
});

it('counts two columns for wide characters', () => {
  expect(lines(renderTable(['name'], [['虚拟机'], ['abcdef'], ['é']], plain))).toEqual([
    '+--------+',
    '| name   |',
    '+--------+',
    '| 虚拟机 |',
    '| abcdef |',
    '| é      |',
    '+--------+',
  ]);
});

describe('in a narrow terminal', () => {
  it('breaks long cells inside their column; short columns keep their width', () => {
    const table = renderTable(['id', 'notes'], [[1, 'no target was found 宿主机宿主机']], { colour: false, width: 20 });
    expect(lines(table)).toEqual([
      '+----+-------------+',
      '| id | notes       |',
      '+----+-------------+',
      '|  1 | no target   |',
      '|    | was found   |',
      '|    | 宿主机宿主  |',
      '|    | 机          |',
      '+----+-------------+',
    ]);
  });

  it('all lines are alike wide, within the terminal, and no character is lost', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'B', '7', '宿', '{', ',', 'é', '-') });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell)), fc.integer({ min: 16, max: 60 }), (rows, width) => {
        const all = lines(renderTable(['a', 'b', 'c'], rows, { colour: false, width }));
        const widths = new Set(all.map((line) => stringWidth(line)));
        expect(widths.size).toBe(1);
        expect([...widths][0]).toBeLessThanOrEqual(width);
        const cells = (of: string) =>
          Array.from(of)
            .filter((character) => !'+-| \nabc'.includes(character))
            .sort()
            .join('');
        expect(cells(all.join(''))).toBe(cells(rows.flat().join('')));
      }),
    );
  });

  it('never gets narrower than a wide character', () => {
    expect(lines(renderTable(['x', 'y'], [['宿主', 1]], { colour: false, width: 1 }))).toContain('| 宿 |  1 |');
  });
});

it('spells out what would steer the terminal', () => {
  const table = renderTable(['notes'], [['\u001b[2Jgone\r\u202eback\tx']], plain);
  expect(table).toContain('| \\u001b[2Jgone\\u000d\\u202eback x |');
});

it('has a bold head only in colour', () => {
  const table = written(renderTable(['id'], [[1]], { colour: true }), true);
  expect(table).toContain('| \u001b[1mid\u001b[0m |');
  expect(renderTable(['id'], [[1]], plain)).not.toContain('\u001b');
});
