/** The page of a link whose question was answered, is too old, or never was. */
import type { FastifyReply } from 'fastify';
import { html } from '../html.ts';
import { sendPage } from '../page.ts';

const NOT_FOUND = 404;

/** `why`: what may have become of it, and what to do. */
export const nothingToDecide = (reply: FastifyReply, why: string): FastifyReply =>
  sendPage(
    reply,
    {
      title: 'Nothing to decide',
      body: html`
      <h1>Nothing to decide here</h1>
      <p>${why}</p>
      <p><a href="/account">Your account</a></p>`,
    },
    NOT_FOUND,
  );
