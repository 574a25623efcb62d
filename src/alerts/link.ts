/** A longer link is left out, characters: cut, it would lead elsewhere. */
const LONGEST_LINK = 2000;
/** Host and port without a user, then ASCII without what could end an attribute or a quotation. */
const LINK = /^https?:\/\/[\w.:[\]-]+(?:[/?#][!#-;=?-[\]-_a-~]*)?$/i;

/**
 * The first of a sender's links that may be shown to people: an http or https URL without credentials, of bounded length.
 * @param candidates - fields of the body, whatever they hold.
 */
export function linkIn(...candidates: readonly unknown[]): { link?: string } {
  for (const link of candidates) {
    if (typeof link === 'string' && link.length <= LONGEST_LINK && LINK.test(link)) return { link };
  }
  return {};
}
