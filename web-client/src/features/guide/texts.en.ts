import type { Translation } from '../../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
  title: 'How it works',
  lead: 'Step by step: how to come to a consultation or hold one, and what to do when something does not work.',
  part: 'Who you are at a consultation',
  video_of: 'Video instruction: {title}',
  video_add: 'Add a video',
  video_change: 'Change the video',
  video_add_of: 'Add a video: {what}',
  video_change_of: 'Change the video: {what}',
  video_title: 'Video instruction: {what}',
  video_name: 'Title',
  video_where: 'Where the video is',
  video_link: 'At an address',
  video_file: 'A file on this server',
  video_address: 'Address (https)',
  video_choose: 'MP4 or WebM file',
  video_limits: 'Up to 64 MB. Everybody who opens this article sees it.',
  video_large: 'The file is larger than 64 MB.',
  video_save: 'Save the video',
  video_drop: 'Remove the video',
  part_student: 'Pupil',
  part_guardian: 'Parent',
  part_host: 'Host',
  part_observer: 'Head',
  part_admin: 'Administrator',
  webinar: 'Webinar',
  webinar_about: 'The host shows and explains; the others watch, write and get the floor in turn.',
  video_conference: 'Video conference',
  video_conference_about: 'Everybody sees and hears everybody.',
  chat: 'Chat',
  chat_about: 'Words only: questions, answers and files, without camera and microphone.',
  individual: 'Individual consultation',
  individual_about: 'A teacher and one pupil, at a booked time or in the queue.',
  troubles: 'When something does not work',
  camera: 'The browser does not allow camera or microphone',
  silence: 'I hear nothing',
  heard: 'Nobody hears me',
  line: 'Sound or picture break off',
  door: 'The room does not let me in',

  step_find: 'Open “Timetable”. What you are invited to right now stands on the “Now” tab; click the consultation.',
  step_check:
    'Check your devices: you see yourself, the level moves when you speak, the test sound is heard. Nobody sees you before you enter. Whoever holds the lesson sees what was found.',
  step_enter:
    'Click “Enter the room”. If the host is not there yet, leave the page open: you get in by yourself once they come.',
  step_watch: 'At a webinar camera and microphone stay off until you get the floor: watch, listen, ask in the chat.',
  step_hand: 'If you want to speak, raise your hand. The button shows your place in the queue.',
  step_floor:
    'Once you have the floor, switch on the microphone (and the camera, if you like). Switch them off when you are done.',
  step_write: 'You can ask in writing: “Chat”. Below a message you can answer it, mark it, or mend your own.',
  step_after: 'Afterwards answer two questions: is it clear now, and how well were you helped. Only sums are shown.',
  step_switch_on:
    'Switch on microphone and camera below. While you do not speak, switch the microphone off: it is quieter for the others.',
  step_view:
    '“View and devices”: grid or the speaker large, another microphone, another camera. Click a participant to pin them.',
  step_chat_open: 'A chat room opens at once, without camera and microphone.',
  step_chat_private: 'If you would rather not ask in front of all, ask the teacher under “Requests”.',
  step_book: 'Under “Appointments” choose teacher and time, say what it is about, attach a photo of the exercise.',
  step_queue: 'No appointment? Join the queue on the same page: you see your place, and are told before your turn.',
  step_own_screen: '“Share screen” to look at a solution together. The same button stops it.',
  step_ward:
    'First the school confirms that you are the parent: “Guardians”. Then your children stand under “My children”.',
  step_ward_book:
    'Under “Appointments” choose the child and a time. Taken? Join the waiting list: a free place comes to you by itself.',
  step_guardian_room:
    'In a common room you are beside your child and see their consultation. You never see children’s private messages.',
  step_plan:
    'A consultation comes from a lesson card: “Lesson cards”. Form, topic and time are changed there, not in the room.',
  step_hours:
    'Office hours stand in a lesson card of the form “individual”. Who has booked, and with what, is under “Appointments”.',
  step_host_screen: '“Share screen”: a window, a tab or everything. A browser tab brings its sound along.',
  step_host_hands:
    'Raised hands stand in “Participants” in their order. “Give the floor” switches a pupil’s buttons on, “take back” switches them off.',
  step_host_rules:
    '“Rules of the room”: close microphones, cameras or chat for pupils, slow the chat down, admit one by one.',
  step_host_admit: 'Who waits at the door is shown in “Participants”: “Admit” or “Admit all”.',
  step_host_people: '“Mute all” is in the same panel. Somebody removed cannot come back to this consultation.',
  step_host_chat:
    'Messages can be pinned, deleted with a reason, and answered. The conversation stays with the consultation.',
  step_host_next:
    'The next pupil of your queue stands beside the present one. Who came and who did not is noted by itself.',
  step_host_notes: 'Write down the result: pupil and parents see the shared note, only you the private one.',
  step_host_end:
    'When you are done: “Leave the room”, “End for all”. The consultation counts as held, its hours go into the load.',
  step_observe_find: 'Choose a consultation in the timetable: you see your unit, or the whole school.',
  step_observe:
    'You come in as an observer: host and participants see that you are there; your camera and microphone are off.',
  step_observe_chat: 'You read along; the host sees that you are there.',
  step_observe_individual: 'Observers do not enter individual consultations: they are between teacher and pupil.',
  step_observe_report:
    'What was held, late or in time, who came and whether it helped: “Reports”; every figure has its rows.',
  step_admin_room:
    'You enter no rooms and read no messages. Every participant can check their devices before entering.',
  step_admin_chat: 'You read no messages. A chat needs neither camera nor open ports, just the site.',
  step_admin_individual:
    'Pictures of an individual consultation go through the same server: nothing has to be set up for it.',
  step_admin_help: 'Somebody cannot get in? Look at their role, class and account under “People”.',
  step_admin_report:
    'Sound and picture break off? Ask for the connection report: it has path, loss and delay. On the server “kafedra doctor” helps.',
  step_admin_watch:
    'A large screen in a class-room opens /watch and the number of the room: it watches and takes nobody’s place.',

  step_camera_allow: 'Click the icon left of the address, allow camera and microphone, then check again.',
  step_camera_other: 'Close other programs that hold the camera: calls, screen recorders, a second tab.',
  step_without_camera: 'You can enter without a camera: you will see, hear and write.',
  step_sound_enable: 'If the page offers to switch the sound on, click it: the browser waits for that.',
  step_sound_device: '“View and devices”, “Speakers”: choose the headphones that you wear.',
  step_sound_test: 'Play the test sound before entering. Nothing? Look at the volume of computer and headphones.',
  step_mic_on: 'The microphone button below must not be crossed out.',
  step_mic_headset: 'See whether the headset has a mute button, and choose it in “View and devices”.',
  step_mic_locked: 'If the teacher has closed the microphones, raise your hand and write in the chat.',
  step_line_camera: 'Switch off your camera: sound gets through more easily.',
  step_line_near: 'Come closer to the router, stop downloads, try another network.',
  step_line_stays:
    'Leave the page open: your place is kept and the line comes back by itself. The chat works on weak lines too.',
  step_door_time: 'A room opens shortly before the beginning and closes after the end: the page tells the time.',
  step_door_host: 'While there is no host, everybody waits. If none comes, you are told.',
  step_door_list: 'Not on the list? See whether it is the right class, and write to the teacher under “Requests”.',
};
export default english;
