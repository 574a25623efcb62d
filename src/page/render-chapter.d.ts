/** A chapter as the page shows and searches it. */
export function chapterOf(
  name: string,
  text: string,
  directory: string,
): { name: string; title: string; html: string; sections: { id: string; title: string; text: string }[] };
